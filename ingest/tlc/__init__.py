"""The worked example's source: monthly files of the Taxi and Limousine Commission, found, fetched or generated."""
