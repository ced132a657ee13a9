"""Home: choose a clip and a model, see what the model says."""

import streamlit as st

from actrec.ui import frame

frame.page("Home")
st.title("What did the model see?", anchor=False)
st.markdown("Choose a clip and a model. Then look at where and when the model found its evidence, and test whether that can be believed.")
frame.below("home")
