"""Home: choose a clip and a model, see what the model says. And the server, which `streamlit run` finds in here."""

import streamlit as st

from actrec.ui import frame

if __name__ == "__main__":  # Streamlit runs the page
    frame.page("Home")
    st.title("What did the model see?", anchor=False)
    st.markdown("Choose a clip and a model. Then look at where and when the model found its evidence, and test whether that can be believed.")
    frame.below("home")
else:
    from actrec.ui import served  # late: starlette

    served.warm()
    app = st.App(__file__, middleware=served.GUARD, on_script_error=frame.failed)
