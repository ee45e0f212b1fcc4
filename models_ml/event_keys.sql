-- name: examples
select {key} from {rows} order by event_id limit 3
