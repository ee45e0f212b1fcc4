{{ windows_of("green_trips", ["pickup_at", "dropoff_at"] + trip_columns(), time="pickup_at") }}
