{{ profiled_windows_of("green_trips") }}
