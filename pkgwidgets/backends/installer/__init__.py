"""The installer: uv resolves, stages and installs."""
