-- Models of several classes: what they predict, and the number that stands for each class where labels are kept.

alter table ml.models drop constraint models_task_check;
alter table ml.models add constraint models_task_check check (task in ('regression', 'binary', 'multiclass'));

create table ml.classes (
    dataset text not null,
    target text not null,
    -- From 0, in the order of their names; one that comes later goes to the end, so that labels keep their meaning.
    position bigint not null,
    class text not null,
    primary key (dataset, target, position),
    unique (dataset, target, class)
);

alter table ml.rejected_labels drop constraint rejected_labels_reason_check;
alter table ml.rejected_labels add constraint rejected_labels_reason_check check (
    reason in (
        'missing_value', 'not_a_number', 'not_a_time', 'not_an_event_key', 'unknown_event', 'future', 'before_event',
        'out_of_range', 'duplicate', 'unknown_class'
    )
);
