"""The pages, the only room with Streamlit. `frame` is what every page shares; a page is a file with `show()`, or a folder where it is large."""
