{{ events_of("green_trips") }}
