"""Tags drawn through a known camera are found where they are, with the error they are said to have."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from rafr.cli.main import main
from rafr.errors import InputError
from rafr.geometry import RigidTransform
from rafr.tracking.camera_model import Intrinsics, load_intrinsics, save_intrinsics
from rafr.tracking.drivers.camera import CameraConfig, CameraDriver
from rafr.tracking.drivers.frame import DeviceLostError
from rafr.tracking.gating import ToolGate, ToolSample
from rafr.tracking.tags import TagFinder, TagTools, load_tools, locate

CAMERA = Intrinsics(960, 720, np.array([[1050.0, 0, 475.0], [0, 1054.0, 363.0], [0, 0, 1]]), np.zeros(5))
DICTIONARY = "APRILTAG_36h11"
_SCALE = 4  # samples per pixel and direction
_CELL = 20  # texture pixels per cell of the tag


def square(side, T=None):
    """(4, 3) corners of a tag, clockwise from the upper left as the tag is printed (y up), m."""
    corners = 0.5 * side * np.array([[-1, 1, 0], [1, 1, 0], [1, -1, 0], [-1, -1, 0.0]])
    return corners if T is None else T.apply(corners)


def tag_texture(number):
    """A tag on its white plate, and where its four corners are in the texture."""
    dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, f"DICT_{DICTIONARY}"))
    size, margin = (dictionary.markerSize + 2) * _CELL, 2 * _CELL
    tag = cv2.aruco.generateImageMarker(dictionary, number, size)
    return cv2.copyMakeBorder(tag, *[margin] * 4, cv2.BORDER_CONSTANT, value=255), margin, margin + size


def board_texture(columns, rows):
    """A chessboard on white; where its outer corners are in the texture (x, y)."""
    board = (np.indices((rows, columns)).sum(axis=0) % 2 * 255).astype(np.uint8)
    board = np.kron(board, np.ones((_CELL, _CELL), np.uint8))
    texture = cv2.copyMakeBorder(board, *[_CELL] * 4, cv2.BORDER_CONSTANT, value=255)
    return texture, _CELL, (_CELL + columns * _CELL, _CELL + rows * _CELL)


def draw(picture, texture, low, high, corners, T_camera_tool, camera):
    """Draw a texture whose pixels (low, low)..(high) lie at corners (4, 3) m; the picture is oversampled."""
    right, bottom = np.broadcast_to(high, 2) - 0.5  # corners lie between texture pixels
    low = low - 0.5
    source = np.array([[low, low], [right, low], [right, bottom], [low, bottom]], np.float32)
    seen = T_camera_tool.apply(corners) @ camera.matrix.T
    target = ((seen[:, :2] / seen[:, 2:] + 0.5) * _SCALE - 0.5).astype(np.float32)
    H, size = cv2.getPerspectiveTransform(source, target), picture.shape[::-1]
    drawn = cv2.warpPerspective(texture, H, size, flags=cv2.INTER_LINEAR)
    mask = cv2.warpPerspective(np.full_like(texture, 255), H, size, flags=cv2.INTER_NEAREST)
    return np.where(mask > 0, drawn, picture)


def blank(camera):
    return np.full((camera.height * _SCALE, camera.width * _SCALE), 128, np.uint8)


def taken(picture, camera, blur, noise, seed):
    """The picture as the camera delivers it: `blur` px, `noise` grey values."""
    small = cv2.resize(picture, (camera.width, camera.height), interpolation=cv2.INTER_AREA).astype(float)
    if blur > 0:
        small = cv2.GaussianBlur(small, (0, 0), blur)
    small += np.random.default_rng(seed).normal(0.0, noise, small.shape)
    return np.clip(np.rint(small), 0, 255).astype(np.uint8)


def render(tags, T_camera_tool, camera=CAMERA, blur=0.6, noise=2.0, seed=0):
    """(h, w) uint8: tags {id: (4, 3) m} before grey."""
    picture = blank(camera)
    for number, corners in tags.items():
        picture = draw(picture, *tag_texture(number), corners, T_camera_tool, camera)
    return taken(picture, camera, blur, noise, seed)


def render_board(columns, rows, side, T_camera_board, camera=CAMERA, seed=0):
    """A chessboard of squares `side` m, its centre in the origin."""
    x, y = 0.5 * columns * side, 0.5 * rows * side
    corners = np.array([[-x, -y, 0], [x, -y, 0], [x, y, 0], [-x, y, 0.0]])
    picture = draw(blank(camera), *board_texture(columns, rows), corners, T_camera_board, camera)
    return taken(picture, camera, 0.5, 2.0, seed)


# -- finding tools -----------------------------------------------------------------------------------

# three tags on a roof: no flat tool
ROOF = {
    0: square(0.04, RigidTransform.from_rotvec([0, 0.6, 0], [0.05, 0, 0])),
    1: square(0.04, RigidTransform.from_rotvec([0, -0.6, 0], [-0.05, 0, 0])),
    2: square(0.04, RigidTransform.from_rotvec([-0.6, 0, 0], [0, 0.05, 0])),
}
FLAT = {5: square(0.05)}
TOOLS = TagTools(DICTIONARY, {"reference": ROOF, "flat": FLAT})
FACING = RigidTransform.from_rotvec([np.pi, 0, 0], [0, 0, 0])


def facing(place, rotvec):
    return RigidTransform.from_translation(place) @ FACING @ RigidTransform.from_rotvec(rotvec)


def poses(count, seed, tilt=0.5):
    rng = np.random.default_rng(seed)
    for _ in range(count):
        place = [*rng.uniform(-0.12, 0.12, 2), rng.uniform(0.5, 0.9)]
        yield (
            RigidTransform.from_translation(place)
            @ FACING
            @ RigidTransform.from_rotvec(rng.uniform(-tilt, tilt, 3))
        )


def deviation(found, true):
    """(6,) shift of the origin (m) and rotation (rad), in the camera's frame."""
    turn = RigidTransform(found.rotation @ true.rotation.T, np.zeros(3)).rotvec
    return np.concatenate([found.translation - true.translation, turn])


@pytest.mark.slow
@pytest.mark.parametrize(("blur", "noise"), [(0.6, 2.0), (0.6, 6.0), (1.2, 2.0)])
def test_error_in_rendered_pictures_is_small_and_agrees_with_the_stated_covariance(blur, noise):
    finder = TagFinder(TOOLS, CAMERA, 0.05)
    errors, scaled = [], []
    for k, T in enumerate(poses(12, seed=3)):
        reading = finder.find(render(ROOF, T, blur=blur, noise=noise, seed=k))["reference"]
        assert reading.T_tracker_tool is not None, reading.status
        error = deviation(reading.T_tracker_tool, T)
        errors.append(error)
        scaled.append(error @ np.linalg.solve(reading.covariance, error))
        assert 0 < reading.reprojection_px < 0.5
        assert 0 < reading.error < 0.4e-3  # m, at the tool's distance
    rms = np.sqrt(np.mean(np.square(errors), axis=0))
    assert np.all(rms[:2] < 0.1e-3)  # m across
    assert rms[2] < 1.0e-3  # m along the line of sight, at 0.5 to 0.9 m
    assert np.all(rms[3:] < np.radians(0.25))
    # six degrees of freedom: 6 on average where the covariance is right; it may be cautious, not bold
    assert 0.3 < np.mean(scaled) < 12


def test_stated_covariance_is_that_of_many_draws_of_the_corner_noise():
    rng, sigma = np.random.default_rng(1), 0.2
    points = np.vstack(list(ROOF.values()))
    T = next(iter(poses(1, seed=8)))
    seen = T.apply(points) @ CAMERA.matrix.T
    exact = seen[:, :2] / seen[:, 2:]
    readings = [locate(points, exact + rng.normal(0, sigma, exact.shape), CAMERA, sigma) for _ in range(400)]
    drawn = np.cov(np.array([deviation(r.T_tracker_tool, T) for r in readings]).T)
    stated = np.mean([r.covariance for r in readings], axis=0)
    ratio = np.sqrt(np.diag(stated) / np.diag(drawn))
    # 400 draws know a deviation to 4 %; the larger of assumed and measured noise is 8 % too large on average
    assert np.all((ratio > 0.9) & (ratio < 1.3))


def test_distortion_is_taken_into_account():
    camera = Intrinsics(960, 720, CAMERA.matrix, np.array([-0.25, 0.08, 1e-3, -5e-4, 0.0]))
    points = np.vstack(list(ROOF.values()))
    T = next(iter(poses(1, seed=5)))
    turn = T.rotvec
    pixels, _ = cv2.projectPoints(points, turn, T.translation, camera.matrix, camera.distortion)
    found = locate(points, pixels.reshape(-1, 2), camera, 0.1)
    assert np.abs(deviation(found.T_tracker_tool, T)).max() < 1e-6


def test_a_flat_tool_has_a_pose_only_where_its_mirror_image_explains_the_corners_worse():
    tilted = facing([0.05, 0.0, 0.4], [0.7, 0.2, 0])
    straight = facing([0.0, 0.0, 2.0], [0.2, 0.05, 0])
    points = FLAT[5]
    rng = np.random.default_rng(0)
    verdicts = {}
    for name, T in (("tilted", tilted), ("straight", straight)):
        seen = T.apply(points) @ CAMERA.matrix.T
        pixels = seen[:, :2] / seen[:, 2:] + rng.normal(0, 0.1, (4, 2))
        verdicts[name] = locate(points, pixels, CAMERA, 0.1)
    assert np.linalg.norm(deviation(verdicts["tilted"].T_tracker_tool, tilted)[3:]) < 0.1
    assert verdicts["straight"].T_tracker_tool is None
    assert "two poses" in verdicts["straight"].status


def test_a_hidden_tool_is_invalid_and_one_tag_of_three_is_enough():
    finder = TagFinder(TOOLS, CAMERA, 0.05)
    T = facing([0, 0, 0.45], [0.2, 0.3, 0.1])
    found = finder.find(render({0: ROOF[0]}, T))
    assert found["flat"].status == "not visible"
    assert np.linalg.norm(deviation(found["reference"].T_tracker_tool, T)[:3]) < 3e-3


def test_a_bent_tool_is_refused_by_the_gate_for_its_reprojection():
    points, T = np.vstack(list(ROOF.values())), next(iter(poses(1, seed=2)))
    bent = points + np.repeat([[0, 0, 0], [0, 0, 0.004], [0, 0.003, 0]], 4, axis=0)
    seen = T.apply(bent) @ CAMERA.matrix.T
    reading = locate(points, seen[:, :2] / seen[:, 2:], CAMERA, 0.1)
    sample = ToolSample(
        "reference", 1.0, 1, reading.T_tracker_tool, 0.0, reprojection_px=reading.reprojection_px
    )
    assert "reprojection" in ToolGate().update([sample], 1.0)["reference"].reason


# -- the driver --------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path):
    """Intrinsics, tools, and a folder of three pictures, one of them empty."""
    save_intrinsics(tmp_path / "camera.yaml", CAMERA)
    tools = {
        name: [{"id": number, "corners_mm": (1e3 * corners).tolist()} for number, corners in tags.items()]
        for name, tags in TOOLS.corners.items()
    }
    (tmp_path / "tools.yaml").write_text(yaml.safe_dump({"dictionary": DICTIONARY, "tools": tools}))
    folder = tmp_path / "pictures"
    folder.mkdir()
    T = next(iter(poses(1, seed=3)))
    pictures = (render(ROOF, T), np.full((720, 960), 128, np.uint8), render(ROOF, T, seed=1))
    for k, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{k}.png"), picture)
    return tmp_path, T


class FakeTime:
    def __init__(self):
        self.t = 0.0

    def now(self):
        return self.t

    def sleep(self, seconds):
        self.t += seconds


def driver_of(folder, time, **changes):
    settings = {
        "camera_source": str(folder / "pictures"),
        "camera_intrinsics": str(folder / "camera.yaml"),
        "camera_tools": str(folder / "tools.yaml"),
        **changes,
    }
    return CameraDriver(CameraConfig(**settings), time.now, time.sleep)


def test_pictures_of_a_folder_come_once_at_their_rate_and_a_hidden_tool_gets_no_old_pose(files):
    folder, T = files
    time = FakeTime()
    driver = driver_of(folder, time, camera_rate=10.0)
    driver.open()
    frames = [f for _ in range(40) for f in driver.frames(0.05)]
    assert [f.frame_number for f in frames] == [1, 2, 3]
    assert [f.device_time for f in frames] == pytest.approx([0.0, 0.1, 0.2])
    seen = [f.tools["reference"].T_tracker_tool for f in frames]
    assert seen[1] is None
    assert np.linalg.norm(deviation(seen[2], T)[:3]) < 2e-3
    assert driver.state == "the pictures have ended"
    driver.close()


def test_what_the_driver_cannot_use_is_said_in_one_line(files, tmp_path):
    folder, _ = files
    time = FakeTime()
    with pytest.raises(InputError, match="camera_intrinsics is empty"):
        driver_of(folder, time, camera_intrinsics="")
    with pytest.raises(InputError, match=r"missing\.yaml.*cannot be read"):
        driver_of(folder, time, camera_tools=str(tmp_path / "missing.yaml"))
    with pytest.raises(InputError, match=r"nothing\.avi"):
        driver_of(folder, time, camera_source="nothing.avi").open()
    with pytest.raises(DeviceLostError, match="camera 97"):
        driver_of(folder, time, camera_source="97").open()
    save_intrinsics(folder / "other.yaml", Intrinsics(640, 480, CAMERA.matrix, np.zeros(5)))
    driver = driver_of(folder, time, camera_intrinsics=str(folder / "other.yaml"))
    driver.open()
    with pytest.raises(InputError, match="640 x 480"):
        driver.frames(0.1)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("tools: {}", "dictionary"),
        ("dictionary: 4X4_50\ntools: {}", "no tags"),
        ("dictionary: NONE\ntools: {a: [{id: 1, corners_mm: []}]}", "unknown"),
        ("dictionary: 4X4_50\ntools: {a: [{id: 1, corners_mm: [[0, 0, 0]]}]}", "four corners"),
        (
            "dictionary: 4X4_50\ntools:\n  a: [{id: 1, corners_mm: [[0,0,0],[1,0,0],[1,1,0],[0,1,0]]}]\n"
            "  b: [{id: 1, corners_mm: [[0,0,0],[1,0,0],[1,1,0],[0,1,0]]}]\n",
            "used twice",
        ),
    ],
)
def test_a_description_of_tools_that_makes_no_sense_is_refused(tmp_path, text, word):
    path = tmp_path / "tools.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=word):
        load_tools(path)


# -- calibration -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_calibration_of_rendered_chessboards_finds_the_camera_they_were_drawn_with(tmp_path):
    images = []
    for k, T in enumerate(poses(12, seed=11, tilt=0.6)):
        T = RigidTransform(T.rotation @ FACING.rotation.T, T.translation * [0.5, 0.5, 0.8])
        images.append(tmp_path / f"{k}.png")
        cv2.imwrite(str(images[-1]), render_board(9, 6, 0.025, T, seed=k))
    out = tmp_path / "camera.yaml"
    arguments = [
        "calibrate",
        "camera",
        *map(str, images),
        "-o",
        str(out),
        "--json",
        str(tmp_path / "out.json"),
    ]
    assert main(arguments) == 0
    found = load_intrinsics(out)
    assert found.rms_px < 0.2
    np.testing.assert_allclose(found.matrix, CAMERA.matrix, atol=6.0)  # px: 0.6 % of the focal length
    assert main([*arguments, "--max-rms-px", "0.0001"]) == 1


def test_calibration_without_boards_is_refused_with_exit_code_2(tmp_path, capsys):
    picture = tmp_path / "grey.png"
    cv2.imwrite(str(picture), np.full((240, 320), 128, np.uint8))
    assert main(["calibrate", "camera", str(picture), "-o", str(tmp_path / "c.yaml")]) == 2
    assert "board was found in 0 of 1" in capsys.readouterr().err
    assert not Path(tmp_path / "c.yaml").exists()
