{{ profiles_of("green_trips") }}
