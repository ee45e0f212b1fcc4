{{ window_mart(index=["model_version", "window_start"]) }}

with windows as (

    {{ stale_windows() }}

),

cells as (

    -- A cell is named by the class that came true (column_name) and by the one that was decided for (method).
    {{ metrics_of_windows("layer = 'confusion'") }}

)

{{ rows_of_windows("cells", ["as_of"], computed={
    "actual": "cells.column_name",
    "predicted": "cells.method",
    "row_count": "cast(cells.value as bigint)",
    "actual_count": "cells.n_current",
    "share_of_actual": "cells.value / cells.n_current",
}) }}
