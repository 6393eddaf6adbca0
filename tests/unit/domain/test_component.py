"""Components and their order."""

from controlplane.config.schema import COMPONENTS
from controlplane.domain.component import STAGES, ComponentState, stages_of, unknown_components


def test_every_component_of_the_configuration_has_a_stage() -> None:
    assert sorted(component for stage in STAGES for component in stage) == sorted(COMPONENTS)


def test_postgresql_starts_before_everything_else() -> None:
    assert stages_of(["prometheus", "postgresql", "mcp_server"]) == [["postgresql"], ["mcp_server"], ["prometheus"]]


def test_stages_without_a_wanted_component_are_left_out() -> None:
    assert stages_of(["alertmanager"]) == [["alertmanager"]]


def test_unknown_names_are_found() -> None:
    assert unknown_components(["postgresql", "postgres", "x"]) == ["postgres", "x"]


def test_a_component_between_two_attempts_counts_as_alive() -> None:
    assert {state for state in ComponentState if not state.is_alive} == {
        ComponentState.STOPPED,
        ComponentState.FAILED,
        ComponentState.UNKNOWN,
    }
