"""What other libraries say of a deployed classifier's log, as tables that tests hold ours against.

Each module makes tables by the command in its docstring; tests read the tables and install nothing. The log is a folder
with the three files of loans that NannyML publishes (car_loan_reference, _analysis and _analysis_target, as .csv.gz),
which LOANS_DATA_DIR names. Its rows are no part of the project.
"""
