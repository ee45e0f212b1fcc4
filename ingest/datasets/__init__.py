"""Datasets to raw tables: any dataset's rows, as its file in datasets/ says. Used by pipeline.

`raw_table.ensure_raw_table` makes the table as the warehouse's owner; `load.load_rows` fills it in the loader's role.
What was delivered (`delivered`, `source_files`) knows no Postgres; what becomes of it there (`merge`) knows no files.
"""
