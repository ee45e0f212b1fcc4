"""What the commands do beside running the pipeline, a module each. Called by pipeline.cli."""
