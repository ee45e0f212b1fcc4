-- Labels that rows hold themselves have the origin 'rows', whatever a dataset calls its rows.

alter table ml.label_loads drop constraint label_loads_origin_check;
update ml.label_loads set origin = 'rows' where origin = 'trips';
alter table ml.label_loads add constraint label_loads_origin_check check (origin in ('rows', 'feed'));

drop index ml.label_loads_months;
create unique index label_loads_months on ml.label_loads (dataset, target, source_month) where origin = 'rows';
