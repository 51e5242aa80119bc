"""The Jupyter Server extension: REST. The only folder that imports tornado."""
