"""alerts.log and the folder of rejected bodies."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from controlplane.adapters import alert_log
from controlplane.adapters.alert_log import FileAlertLog, RejectedFolder, read_tail
from controlplane.domain.alert import Alert
from controlplane.services.ingest import encode_alert

NOW = datetime(2025, 7, 7, 12, tzinfo=UTC)


def line(fingerprint: str) -> bytes:
    return encode_alert(Alert(fingerprint, "X", "firing", "", "P3", NOW, None, NOW, {"名": "值"})) + b"\n"


def test_lines_come_back_as_alerts(tmp_path: Path) -> None:
    log = FileAlertLog(tmp_path / "log" / "alerts.log")
    log.append(line("a"))
    log.append(line("b") + line("c"))
    log.close()
    alerts = read_tail(tmp_path / "log" / "alerts.log")
    assert [alert.fingerprint for alert in alerts] == ["a", "b", "c"]
    assert alerts[0].labels == {"名": "值"}
    assert alerts[0].starts_at == NOW


def test_a_rotated_file_is_left_alone_and_a_new_one_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_log, "LOOK_SECONDS", 0.0)
    path = tmp_path / "alerts.log"
    log = FileAlertLog(path)
    log.append(line("a"))
    path.rename(tmp_path / "alerts.log.1")
    log.append(line("b"))
    log.close()
    assert [alert.fingerprint for alert in read_tail(path)] == ["b"]


def test_half_a_line_does_not_swallow_the_next(tmp_path: Path) -> None:
    path = tmp_path / "alerts.log"
    path.write_bytes(line("a") + line("b")[:20])
    log = FileAlertLog(path)
    log.append(line("c"))
    log.close()
    assert [alert.fingerprint for alert in read_tail(path)] == ["a", "c"]


def test_only_the_tail_of_a_large_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "alerts.log"
    path.write_bytes(b"".join(line(str(number)) for number in range(1000)))
    alerts = read_tail(path, max_bytes=2000)
    assert alerts[-1].fingerprint == "999"
    assert len(alerts) < 20


def test_no_file_means_no_alerts(tmp_path: Path) -> None:
    assert read_tail(tmp_path / "absent.log") == []


def test_a_log_that_cannot_be_written_complains_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "alerts.log").mkdir()
    log = FileAlertLog(tmp_path / "alerts.log")
    log.append(line("a"))
    log.append(line("b"))
    assert caplog.text.count("cannot be written") == 1


def test_rejected_bodies_are_bounded_in_number_and_size(tmp_path: Path) -> None:
    folder = RejectedFolder(tmp_path, max_files=3, max_bytes=1000)
    names = [folder.keep(b"x" * 10, f"reason\n{number}") for number in range(5)]
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == names[2:]
    assert (tmp_path / names[4]).read_bytes() == b"# reason 4\n" + b"x" * 10
    large = folder.keep(b"y" * 5000, "too large")
    assert sorted(path.name for path in tmp_path.iterdir()) == [large]
    assert (tmp_path / large).stat().st_size < 1100
