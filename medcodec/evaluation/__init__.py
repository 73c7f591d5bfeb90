"""How well codecs do: metrics, BD-rate, runs over data sets, tables, plots and a page to look at."""
