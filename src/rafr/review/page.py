"""The page in the browser: a plan that a person inspects, adjusts and decides upon, and the operation as it
goes: robot, bones, pins and cords, with the numbers beside.

Every browser has a view of its own (`rafr.review.visit`); plan, decisions and what is measured are common
to all. The page decides nothing itself: a decision names the hash of the plan that was shown and goes to
whoever made the page.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from rafr.geometry import RigidTransform, TriangleMesh
from rafr.pictures.bones import bounds_of
from rafr.planning.plan import ReductionPlan
from rafr.review.desk import Desk
from rafr.review.gate import LOCAL, Gate, Rule
from rafr.review.known import LIVE, Decision, Known
from rafr.review.readout import Numbers
from rafr.review.stage import VIEW_BUTTONS, clinical, serve, set_first_camera
from rafr.review.tension import legend_html
from rafr.review.theatre import Surroundings
from rafr.review.theatres import Theatres
from rafr.review.timeline import Timeline
from rafr.review.visit import NOW, Visit

__all__ = ["Decision", "ReviewPage"]


class ReviewPage:
    """One page for all browsers that look; every method may be called from any thread.

    Args:
        meshes: surface of every body, the reference first, LPS mm in the CT.
        on_decision: called in a thread of the page's; None = the page shows only.
        port: 0 = any free one.
        surroundings: what to draw round the bones during the operation; None = bones alone.
        desk: works out what needs the case itself; None = slices, radiographs and targets are left out.
        host: where to listen. Other than this machine itself a token is needed.
        token: that every browser must show once; empty: none.

    Raises:
        InputError: the port cannot be listened at.
    """

    def __init__(
        self,
        title: str,
        meshes: Mapping[str, TriangleMesh],
        on_decision: Callable[[Decision], None] | None = None,
        port: int = 0,
        surroundings: Surroundings | None = None,
        *,
        desk: Desk | None = None,
        host: str = "127.0.0.1",
        token: str = "",
    ) -> None:
        if host not in LOCAL and not token:
            raise ValueError("a page that others can reach needs a token")
        self._known = Known(title, dict(meshes), on_decision, desk)
        self._known.watching = surroundings is not None
        self._visits: dict[int, Visit] = {}
        self.theatre = None if surroundings is None else Theatres(surroundings, self._known.lock)
        self._token = token
        self._server = serve(title)
        try:
            names = LOCAL if host in LOCAL else ()
            self._gate = Gate(host, port, self._server.get_port(), Rule(token, names))
        except Exception:
            self._server.stop()
            raise
        lower, upper = bounds_of(list(self._known.meshes.values()))
        set_first_camera(self._server, clinical(VIEW_BUTTONS["AP"], 0.5 * (upper - lower)))
        self._server.on_client_connect(self._enter)
        self._server.on_client_disconnect(self._leave)

    @property
    def url(self) -> str:
        """What to open on this machine."""
        query = f"/?token={self._token}" if self._token else ""
        return f"http://localhost:{self._gate.port}{query}"

    @property
    def watched(self) -> bool:
        """Whether any browser looks."""
        return bool(self._visits)

    @property
    def visits(self) -> tuple[Visit, ...]:
        """The browsers that look, the first to come first."""
        with self._known.lock:
            return tuple(self._visits.values())

    def show_plan(self, plan: ReductionPlan) -> None:
        """Show a plan; what was decided about an earlier one no longer counts here."""
        with self._known.lock:
            known = self._known
            known.plan, known.decidable = plan, known.on_decision is not None
            known.watching = False
            if known.desk is not None:
                known.desk.take_plan(plan)
            self._each(Visit.plan_changed)

    def show_poses(self, T_current_displaced: Mapping[str, RigidTransform]) -> None:
        """Show where the bodies are now (mm, reference body's CT frame), where `now` is chosen."""
        with self._known.lock:
            self._known.live = dict(T_current_displaced)
            self._each(Visit.moved)

    def tell(self, numbers: Numbers) -> None:
        """Show what is measured now."""
        with self._known.lock:
            self._known.numbers = numbers
            self._each(Visit.told)

    def explain_cords(self) -> None:
        """Show what the cords' colours mean, and that they are no measurement."""
        with self._known.lock:
            if not self._known.legend:
                self._known.legend = legend_html()
                self._each(Visit.told)

    def say(self, text: str) -> None:
        """Show a line about the state of the procedure or of the decision."""
        with self._known.lock:
            self._known.status = text
            self._each(Visit.said)

    def close_decision(self, text: str) -> None:
        """The plan shown has been decided upon; from now on what happens is of more interest."""
        with self._known.lock:
            self._known.decidable = False
            self._known.watching = self.theatre is not None
            if self.theatre is not None:
                self._each(lambda visit: visit.show(LIVE, NOW))
        self.say(text)

    def add_timeline(self, timeline: Timeline) -> None:
        """Offer the controls of a replay."""
        with self._known.lock:
            self._known.timeline = timeline
            self._each(lambda visit: visit.add_timeline(timeline))

    def set_time(self, t: float, playing: bool) -> None:
        """Show where the replay is (s) and whether it goes on."""
        with self._known.lock:
            self._each(lambda visit: visit.set_time(t, playing))

    def close(self) -> None:
        with self._known.lock:
            visits, self._visits = list(self._visits.values()), {}
        for visit in visits:
            visit.close()
        self._gate.close()
        self._server.stop()

    # -- browsers ------------------------------------------------------------------------------------

    def _each(self, action: Callable[[Visit], None]) -> None:
        """For every browser; what one has sent and cannot be shown keeps nobody else from it."""
        for visit in self._visits.values():
            visit.attempt(action, visit)

    def _enter(self, client: object) -> None:
        with self._known.lock:
            surroundings = None if self.theatre is None else self.theatre.surroundings
            visit = Visit(client, self._known, surroundings)
            if self.theatre is not None and visit.theatre is not None:
                self.theatre.join(visit.theatre)
            self._visits[client.client_id] = visit  # type: ignore[attr-defined]

    def _leave(self, client: object) -> None:
        with self._known.lock:
            visit = self._visits.pop(client.client_id, None)  # type: ignore[attr-defined]
            if visit is None:
                return
            if self.theatre is not None and visit.theatre is not None:
                self.theatre.leave(visit.theatre)
        visit.close()
