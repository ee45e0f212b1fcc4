"""What a person has said: settings, `.env`, monitoring.yml, read into checked values. Knows no database."""
