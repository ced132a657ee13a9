"""Numbers to pixels, charts and files: overlays and marks on frames, plotly's charts for the page, matplotlib's figures for print, what is saved."""
