"""How the figures in `calibration.yml` were measured: `python -m ingest.tlc.sample.calibrate FOLDER` on real months."""
