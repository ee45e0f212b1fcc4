{{ scored_of("green_trips") }}
