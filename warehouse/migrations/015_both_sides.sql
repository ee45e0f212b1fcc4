-- What a usual day shows on either side of a figure, whose share it is, and how bad it is by itself.

alter table monitoring.alarm_scores
-- The level of a categorical column whose share the figure is.
add column level text not null default '',
-- Missing where a figure is bad on one side only.
add column null_p10 double precision,
add column null_p01 double precision,
-- The severity; where another column is named on a day that rings, no more than the figure is by itself.
add column own_severity double precision;

alter table monitoring.incidents
-- Which rows the figure is of, and which what moved is of; '' for all trips.
add column figure_of text not null default '',
add column moved_of text not null default '',
-- The level whose share the figure is.
add column level text not null default '';
