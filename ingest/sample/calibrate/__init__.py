"""How the figures in `calibration.yml` were measured: `python -m ingest.sample.calibrate FOLDER` on real months."""
