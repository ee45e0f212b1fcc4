-- name: linear_baseline_rows
select {columns} from intermediate.green_trips_classified
where
    source_month = cast($1 as date)
    and duration_minutes between 0 and 60
    and passenger_count > 0
    and passenger_count <= 8
    and {only}
order by event_id

-- name: accepted_rows
select {columns} from intermediate.green_trips_accepted
where
    source_month = cast($1 as date)
    and {only}
order by event_id
