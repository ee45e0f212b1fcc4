"""Performance: what came true once labels arrived, what was estimated before, and whether the relation changed."""

from __future__ import annotations

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import common

from core.advice import Advice
from grafana import parts
from grafana.house import CLOCK_OF_DAYS, NO_LABELS, House, to_board
from grafana.names import FRONT_PAGE, PERFORMANCE, SEGMENTS
from grafana.pages.front_page import model_choices
from grafana.parts import BLUE, GREEN, GREY, ORANGE, RED, YELLOW, About, Query, styled

FEW_LABELS = f"No day with enough labels yet, or none to come: {Advice.EXAMINE}, which names models without labels"
NO_ESTIMATES = f"No estimates: the reference needs labels: {Advice.UPDATE}, or choose another time range"
NO_CONCEPT = f"No day with enough labels: wait, choose another time range, or {Advice.EXAMINE} whether any are to come"
NO_CLASSES = f"No labels, or a model that does not choose among several classes: choose another, or {Advice.EXAMINE}"
FIRST_EVALUATION = "No evaluation has changed: every day was evaluated once, or its labels came before its first work"
LABELLED: tuple[parts.Step, ...] = ((None, YELLOW), (0.95, GREEN))


def performance(house: House) -> builders.Dashboard:
    """Headlines, realised and estimated loss, confused classes, the estimator, concept drift, changed evaluations."""
    board = parts.page(
        PERFORMANCE,
        "Performance",
        "How good is the model? What was estimated before labels came, and what came true.",
        house.days,
        CLOCK_OF_DAYS,
    )
    for variable in model_choices(house):
        board.with_variable(variable)
    for panel in (
        *_headlines(house),
        *_figures(house),
        _confusion(house),
        *_estimator(house),
        *_concept(house),
        _longer(house),
        _evaluations(house),
    ):
        board.with_panel(panel)
    return board


def _headlines(house: House) -> list[parts.AnyPanel]:
    sql, alpha = house.sql("performance"), house.rules.evaluation.concept_alpha
    day = About(
        "Which day has labels?",
        "The latest day of the time range with labels. Later days have estimates only.",
        "none",
        no_data=NO_LABELS,
    )
    realised = About(
        "How large was the loss?",
        "Realised loss of the latest day with labels: mean absolute error, in the unit of the target, or log loss for "
        "a model of probabilities. The line shows the days before.",
        "short",
        no_data=NO_LABELS,
        decimals=3,
    )
    estimated = About(
        "How large by estimate?",
        "Estimated loss of the latest day, which may have no labels yet. It is estimated from inputs and prediction.",
        "short",
        no_data=NO_ESTIMATES,
        decimals=3,
    )
    outcome = About(
        "Was it as estimated?",
        f"Whether the realised loss of the latest day with at least {house.compared_coverage:.0%} of its labels lies "
        "in the 95 % interval that was given before.",
        "none",
        no_data=FEW_LABELS,
    )
    coverage = About(
        "How many are labelled?",
        "Predictions of the latest day whose label has arrived. Yellow: under 95 %, its figures will still move.",
        "percentunit",
        no_data=NO_LABELS,
        thresholds=LABELLED,
        decimals=1,
    )
    concept = About(
        "Days of concept drift?",
        "Days of the time range whose labels are improbable for their inputs, and how many days were tested. Of sound "
        f"days, chance marks {alpha:.0%}. Yellow: days to look at.",
        "none",
        no_data=NO_CONCEPT,
        thresholds=parts.counted(YELLOW),
        decimals=0,
    )
    concept_panel = parts.headline(concept, sql["concept_drift_headline"], spark=False)
    parts.named(concept_panel, "of days tested")
    outcome_panel = parts.headline(outcome, sql["as_estimated"], as_words=True, spark=False)
    colors = {"as estimated": GREEN, "better than estimated": BLUE, "worse than estimated": ORANGE}
    outcome_panel.mappings(parts.color_words(colors))
    day_panel = parts.headline(day, sql["last_labelled_day"], as_words=True, spark=False)
    day_panel.data_links([parts.link("Open the front page", to_board(FRONT_PAGE))])
    realised_panel = parts.headline(realised, sql["realised_headline"])
    realised_panel.data_links([parts.link("For whom? Open Segments and fairness", to_board(SEGMENTS))])
    return [
        day_panel,
        realised_panel,
        parts.headline(estimated, sql["estimated_headline"]),
        outcome_panel,
        parts.headline(coverage, sql["coverage_headline"]),
        concept_panel,
    ]


def _figures(house: House) -> list[parts.AnyPanel]:
    sql = house.sql("performance")
    loss = About(
        "Is the loss what was estimated?",
        "Mean absolute error per day, or log loss for a model of probabilities. The band is the 95 % interval of the "
        "estimate: a realised loss outside it was not foreseen from the inputs. Days with under "
        f"{house.compared_coverage:.0%} of their labels have no realised point here: it would be of other rows.",
        "short",
        no_data=NO_ESTIMATES,
        decimals=3,
    )
    loss_panel = parts.lines(loss, [Query(sql["realised_and_estimated"], "time_series")], width=16, height=10)
    parts.as_band(loss_panel, "interval from", "95 % interval", BLUE)
    loss_panel.override_by_name("estimated", styled(color=parts.colored(BLUE)))
    loss_panel.override_by_name("realised", styled(color=parts.colored(ORANGE)))
    coverage = About(
        "How many labels have arrived?",
        "Predictions of the day with a label / all its predictions. The figures of a day move until they are there.",
        "percentunit",
        no_data=NO_LABELS,
        thresholds=LABELLED,
        minimum=0,
        maximum=1,
        decimals=0,
    )
    bias = About(
        "Does the model say too much?",
        "Mean of prediction - label per day: above zero the model says too much, below zero too little. Of a "
        "regression.",
        "short",
        no_data=f"No labels, or a model of probabilities, whose calibration error is beside it ({Advice.EXAMINE})",
        decimals=2,
    )
    errors = About(
        "How large are the errors?",
        "Of a regression: mean absolute error, root mean squared error, and what 90 % of the errors stay below. Of a "
        "model of probabilities: log loss; of classes without probabilities: the share that is wrong. Smaller is "
        "better.",
        "short",
        no_data=NO_LABELS,
        minimum=0,
        decimals=2,
    )
    shares = About(
        "How much does it get right?",
        "Of a regression: R2, the share of the labels' variance that is explained. Of a model of probabilities: ROC "
        "AUC, accuracy, precision and recall, where 1 is best, and the calibration error, where 0 is; of several "
        "classes F1, too, each as the mean over the classes.",
        "none",
        no_data=NO_LABELS,
        maximum=1,
        decimals=3,
    )
    return [
        loss_panel,
        parts.bars(coverage, [Query(sql["coverage"], "time_series")], width=8, height=10, stacked=False),
        parts.bars(bias, [Query(sql["bias"], "time_series")], width=8, stacked=False),
        parts.lines(errors, [Query(sql["errors"], "time_series")], width=8),
        parts.lines(shares, [Query(sql["shares"], "time_series")], width=8),
    ]


def _confusion(house: House) -> parts.AnyPanel:
    about = About(
        "Which classes are taken for which?",
        "The confusion matrix of a model of several classes, over all labelled rows of the time range: how often each "
        "class came true, and for which the model decided then. The share is of the rows of the class that came true; "
        "of a class that was found it is its recall. The latest evaluation of each day; at most 500 pairs.",
        "short",
        no_data=NO_CLASSES,
        decimals=0,
    )
    panel = parts.rows(about, house.sql("performance")["confusion"], height=9)
    panel.override_by_name("share", styled(unit="percentunit", decimals=1))
    return panel


def _estimator(house: House) -> list[parts.AnyPanel]:
    sql = house.sql("performance")
    error = About(
        "How far off were the estimates?",
        "Estimated minus realised loss per day as bars, and the mean of its size over the 28 days that end with the "
        f"day as a line. Only days with at least {house.compared_coverage:.0%} of their labels.",
        "short",
        no_data=FEW_LABELS,
        decimals=3,
    )
    error_panel = parts.bars(error, [Query(sql["estimate_error"], "time_series")], stacked=False)
    error_panel.override_by_name(
        "mean size over 28 days",
        styled(color=parts.colored(ORANGE), custom__drawStyle="line", custom__lineWidth=2, custom__fillOpacity=0),
    )
    trust = About(
        "Can the estimates be trusted?",
        "Over the 28 days that end with the day: the share of days whose realised loss lay in the interval, which "
        "promises 0.95, and the correlation of estimate and realised loss, from 14 days on. A low correlation says "
        "that the estimate does not follow the ups and downs; its level may still be right. Only days with at least "
        f"{house.compared_coverage:.0%} of their labels.",
        "none",
        no_data=FEW_LABELS,
        maximum=1,
        decimals=2,
    )
    trust_panel = parts.lines(trust, [Query(sql["estimate_trust"], "time_series")])
    trust_panel.override_by_name("promised", parts.dashed(GREY))
    return [error_panel, trust_panel]


def _concept(house: House) -> list[parts.AnyPanel]:
    sql, alpha = house.sql("performance"), house.rules.evaluation.concept_alpha
    excess = About(
        "Same inputs, another outcome?",
        "Loss and bias beyond what the reference gives for the day's inputs. Zero: as expected. Above zero the loss "
        f"is larger, or the model says too much. Red: improbable for the reference (p-value below {alpha:g}).",
        "short",
        no_data=NO_CONCEPT,
        decimals=2,
    )
    excess_panel = parts.lines(excess, [Query(sql["concept_excess"], "time_series")], width=8, height=9)
    excess_panel.override_by_name("loss beyond expected", styled(color=parts.colored(BLUE)))
    excess_panel.override_by_name("bias beyond expected", styled(color=parts.colored(GREY)))
    excess_panel.override_by_regexp(".*day with concept drift", parts.marks(RED))
    chance = About(
        "Could that be chance?",
        f"How often the reference would give a day this far off. Below alpha ({alpha:g}, in monitoring.yml) the day "
        "has drifted in concept. The axis is logarithmic and ends at one in a million.",
        "none",
        no_data=NO_CONCEPT,
        maximum=1,
        decimals=4,
    )
    chance_panel = parts.lines(chance, [Query(sql["concept_p_value"], "time_series")], width=8, height=9)
    logarithmic = common_builders.ScaleDistributionConfig().type(common.ScaleDistribution.LOG).log(10)
    chance_panel.scale_distribution(logarithmic)
    chance_panel.override_by_name("alpha", parts.dashed(RED))
    chance_panel.override_by_name("p-value", styled(color=parts.colored(BLUE)))
    chance_panel.override_by_name("day with concept drift", parts.marks(RED))
    residual = About(
        "Have the errors themselves drifted?",
        "Evidently's drift score of prediction - label against the reference's, with its threshold. Other inputs alone "
        "can move it: the panels beside it say whether the relation has changed.",
        "short",
        no_data=NO_CONCEPT,
        minimum=0,
        decimals=3,
    )
    residual_panel = parts.lines(residual, [Query(sql["residual_drift"], "time_series")], width=8, height=9)
    residual_panel.override_by_name("threshold", parts.dashed(YELLOW))
    return [excess_panel, chance_panel, residual_panel]


def _longer(house: House) -> parts.AnyPanel:
    about = About(
        "How good is it over longer windows?",
        "Weeks, months or numbers of rows that the model's dataset names under performance_windows, by the labels that "
        "have arrived, newest first. Loss: mean absolute error, or log loss for a model of probabilities.",
        "short",
        no_data="The time range has no such window that has ended, or the model's dataset names none",
        decimals=3,
    )
    panel = parts.rows(about, house.sql("performance")["longer_windows"], height=9)
    panel.override_by_regexp("rows|labels", parts.COUNT)
    panel.override_by_name("labelled", styled(unit="percentunit", decimals=1))
    return panel


def _evaluations(house: House) -> parts.AnyPanel:
    about = About(
        "Which days are evaluated otherwise than before?",
        "Days whose labels changed after they had been evaluated: how many there were as of then and are now, and the "
        "loss by them. The latest 500.",
        "short",
        no_data=FIRST_EVALUATION,
        decimals=3,
    )
    panel = parts.rows(about, house.sql("performance")["evaluations"], height=9)
    panel.override_by_regexp("labels .*", parts.COUNT)
    panel.override_by_regexp("labelled .*", styled(unit="percentunit", decimals=1))
    for name in ("as of, UTC", "evaluated since, UTC"):
        panel.override_by_name(name, styled(unit="dateTimeAsIso", custom__width=160))
    return panel
