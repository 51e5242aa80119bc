"""REST beside the notebook server; imports neither pandas nor ipywidgets."""
