-- Words for what was too coarse before: a segmentation with one group, a record whose trip key cannot be read.

alter table monitoring.metric_values drop constraint metric_values_status_check;
alter table monitoring.metric_values add constraint metric_values_status_check
check (status in ('ok', 'low_n', 'one_group', 'empty', 'constant', 'missing_column', 'error'));

alter table ml.rejected_labels drop constraint rejected_labels_reason_check;
alter table ml.rejected_labels add constraint rejected_labels_reason_check check (
    reason in (
        'missing_value', 'not_a_number', 'not_a_time', 'not_a_trip_key', 'unknown_trip', 'future', 'before_trip',
        'out_of_range', 'duplicate'
    )
);
