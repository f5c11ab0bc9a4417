"""`Optimizer`: what moves the weights, given their gradients."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, ClassVar, NoReturn

import numpy as np

from chainrule.compile import Compiled, compile
from chainrule.expressions.promote import Operand, as_value
from chainrule.ir import Array, DType
from chainrule.optim.clipping import clip_by_norm, clip_by_value
from chainrule.optim.schedules import Schedule, as_schedule
from chainrule.tensor import Parameter, State, Tensor
from chainrule.trace import active_trace
from chainrule.transforms import HasParameters

Slots = Mapping[str, State]
Scalars = Mapping[str, Tensor]


# What changes while training goes on, apart from the settings.
_PROGRESS = {"steps", "epochs", "schedule"}


class Optimizer(ABC):
    """`W := W - change`, for each parameter `W` at each step; a subclass says which.

    A subclass has two methods: `slots` names what is remembered for each parameter,
    and `change` computes what is subtracted from it. A hand-written loop is

        optimizer.initialize(net)
        for X, y in batches:
            loss, gradients = cr.value_and_grad(objective)(net, X, y)
            optimizer.step(gradients)

    Every optimizer takes these keywords:

    - `learning_rate`: a number or a `Schedule`.
    - `weight_decay`, `d`: pulls weights towards 0. Where it is coupled, `d W` is added
      to the gradient; where it is decoupled (`AdamW`, `Lion`), `W` is multiplied by
      `1 - learning_rate d`.
    - `decays`: which parameters decay, a function of the name; all, if not given.
      `lambda name: not name.endswith(("b", "beta", "gamma"))` spares biases and norms.
    - `clip_value`, then `clip_norm`: limits of the gradients, see `clip_by_value`,
      `clip_by_norm`; weight decay is added afterwards.
    """

    # Whether it wants all rows at once: see `iterate`.
    full_batch: ClassVar[bool] = False
    # Whether weight decay acts on the weights themselves, not by the gradient.
    decoupled: ClassVar[bool] = False
    # Whether further steps would change nothing, where it can tell.
    converged: bool = False

    def __init__(
        self,
        learning_rate: float | Schedule,
        *,
        weight_decay: float = 0.0,
        decays: Callable[[str], bool] | None = None,
        clip_value: float | None = None,
        clip_norm: float | None = None,
    ) -> None:
        self.learning_rate = learning_rate
        self.weight_decay = self.checked("weight_decay", weight_decay)
        self.decays = decays
        self.clip_value = clip_value
        self.clip_norm = clip_norm
        for name, limit in (("clip_value", clip_value), ("clip_norm", clip_norm)):
            if limit is not None and not limit > 0:
                raise ValueError(f"{type(self).__name__}: {name} is above 0: {limit}")
        self.steps = 0
        self.epochs = 0
        self._parameters: dict[str, Parameter] = {}
        self._slots: dict[str, dict[str, State]] = {}
        self._compiled: Compiled[..., None] | None = None

    # --- what each subclass says --------------------------------------------------

    def slots(self) -> dict[str, float]:
        """What is remembered for each element of a parameter, and its first value."""
        return {}

    @abstractmethod
    def change(self, dW: Tensor, slots: Slots, scalars: Scalars) -> Tensor:
        """What to subtract from a parameter with the gradient `dW`; updates `slots`.

        Written in operations on tensors, so that it can be traced. What depends on
        the number of the step comes as `scalars`.
        """

    def scalars(self, step: int) -> dict[str, float]:
        """What depends on the number of the step, from 0, computed on the host."""
        found = self.scalars_of(np.asarray([step]))
        return {name: float(x[0]) for name, x in found.items()}

    def scalars_of(self, steps: Array) -> dict[str, Array]:
        """The same for many steps: arrays of float64 as long as `steps`."""
        return {"learning_rate": self.schedule.rates(steps)}

    # --- the learning rate --------------------------------------------------------

    @property
    def learning_rate(self) -> float | Schedule:
        """The number or the schedule that it was given. It may be set at any time."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate: float | Schedule) -> None:
        self._learning_rate = learning_rate
        self.schedule = self._fresh_schedule()

    def _fresh_schedule(self) -> Schedule:
        """A copy, for what a schedule learns is part of this optimizer's state."""
        return deepcopy(as_schedule(self._learning_rate))

    def bind(self, steps_per_epoch: int, total_steps: int) -> None:
        """Tell the schedule how many steps there are."""
        bound = self._fresh_schedule().bind(steps_per_epoch, total_steps)
        bound.load_state_dict(self.schedule.state_dict())
        self.schedule = bound

    def observe(self, metric: float) -> None:
        """Tell the schedule how an epoch went: its validation loss."""
        self.schedule.observe(metric)

    @property
    def current_learning_rate(self) -> float:
        """The learning rate of the step done last."""
        return self.schedule(max(self.steps - 1, 0))

    # --- steps --------------------------------------------------------------------

    def initialize(self, parameters: Mapping[str, Parameter] | HasParameters) -> None:
        """Get ready to train `parameters`, or those of a module.

        With the parameters it has already, nothing changes; with others it forgets
        what it remembers and counts from 0.
        """
        if isinstance(parameters, HasParameters):
            parameters = parameters.parameters()
        known = {name: id(p) for name, p in self._parameters.items()}
        if known and known == {name: id(p) for name, p in parameters.items()}:
            return
        if known:
            self.forget()
        self._compiled = None
        self._parameters = dict(parameters)
        self._slots = {
            name: {
                slot: State(np.full(p.shape, start, p.dtype), name=f"{name}.{slot}")
                for slot, start in self.slots().items()
            }
            for name, p in parameters.items()
        }

    def forget(self) -> None:
        """Count from 0 again, with a schedule that has not observed anything."""
        self.steps = self.epochs = 0
        self.schedule = self._fresh_schedule()

    def update(
        self, gradients: Mapping[str, Tensor], scalars: Mapping[str, Operand]
    ) -> None:
        """One step: assign the parameters, and what is remembered of them.

        `scalars` are those that the method `scalars` gives for this step. Everything
        is done in operations on tensors, so a training step can be traced; it is
        traced again when a setting, such as `clip_norm`, is changed. Raises
        `ValueError` where a parameter has no gradient.
        """
        self._note_settings()
        numbers = {name: Tensor(as_value(s)) for name, s in scalars.items()}
        cast: dict[DType, dict[str, Tensor]] = {}
        # The last layer first: its gradient is, and so what it stood on is freed.
        for name, dW in reversed(self._prepared(gradients).items()):
            W = self._parameters[name]
            if W.dtype not in cast:
                cast[W.dtype] = {k: s.astype(W.dtype) for k, s in numbers.items()}
            self._update_one(name, W, dW, cast[W.dtype])

    def _note_settings(self) -> None:
        trace = active_trace()
        if trace is not None:
            for name in vars(self).keys() - _PROGRESS:
                if not name.startswith("_"):
                    trace.switch(self, name)

    def _update_one(
        self, name: str, W: Parameter, dW: Tensor, scalars: Scalars
    ) -> None:
        decay = self.weight_decay
        if self.decays is not None and not self.decays(name):
            decay = 0.0
        if decay and not self.decoupled:
            dW = dW + W * decay
        kept: Tensor = W
        if decay and self.decoupled:
            kept = W * (1 - scalars["learning_rate"] * decay)
        W.assign(kept - self.change(dW, self._slots[name], scalars))

    def step(self, gradients: Mapping[str, Tensor] | None = None) -> None:
        """One step at once, for a loop written by hand.

        `gradients` are those that `cr.value_and_grad` finds; without them, they are
        the `grad` of each parameter, which `loss.backward()` set.
        """
        if gradients is None:
            gradients = {n: _grad(n, p) for n, p in self._parameters.items()}
        if self._compiled is None:
            self._compiled = compile(self.update)
        numbers = self.scalars(self.steps).items()
        found = {
            name: gradients[name] for name in self._parameters if name in gradients
        }
        self._compiled(found, {name: np.float64(s) for name, s in numbers})
        self.steps += 1

    def __getstate__(self) -> dict[str, Any]:
        # What is compiled belongs to this optimizer's parameters, not to a copy's.
        return {**vars(self), "_compiled": None}

    def iterate(
        self, evaluate: Callable[[Array], tuple[float, Array]], x: Array
    ) -> tuple[Array, float]:
        """One iteration on all rows: for optimizers with `full_batch`."""
        del evaluate, x
        raise TypeError(f"{type(self).__name__} takes steps on batches, not iterations")

    def _prepared(self, gradients: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The gradient of each parameter, within its limits."""
        if not self._parameters:
            raise ValueError(
                f"{type(self).__name__} has nothing to train: call initialize with the "
                "network first"
            )
        missing = [name for name in self._parameters if name not in gradients]
        if missing:
            raise ValueError(f"there is no gradient for {', '.join(missing)}")
        found = {name: gradients[name] for name in self._parameters}
        if self.clip_value is not None:
            found = clip_by_value(found, self.clip_value)
        return found if self.clip_norm is None else clip_by_norm(found, self.clip_norm)

    # --- what it remembers --------------------------------------------------------

    def states(self) -> dict[str, State]:
        """The slots of all parameters, by the path of the parameter and the slot."""
        return {
            f"{name}.{slot}": state
            for name, slots in self._slots.items()
            for slot, state in slots.items()
        }

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to go on: `slots` are arrays, the rest is JSON."""
        return {
            "optimizer": type(self).__name__,
            "steps": self.steps,
            "epochs": self.epochs,
            "schedule": self.schedule.state_dict(),
            "slots": self.slot_arrays(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The inverse of `state_dict`, once `initialize` has named the parameters.

        Raises `ValueError` if it is the state of another kind of optimizer, or of one
        for other parameters.
        """
        if state["optimizer"] != type(self).__name__:
            self._refuse(f"it is that of {state['optimizer']}")
        self.load_slot_arrays(state["slots"])
        self.steps, self.epochs = int(state["steps"]), int(state["epochs"])
        self.schedule.load_state_dict(state["schedule"])

    def slot_arrays(self) -> dict[str, Array]:
        """The arrays of `state_dict`."""
        return {path: state.data.copy() for path, state in self.states().items()}

    def load_slot_arrays(self, arrays: Mapping[str, Array]) -> None:
        """The inverse of `slot_arrays`."""
        states = self.states()
        if set(states) != set(arrays):
            missing = ", ".join(sorted(set(states) ^ set(arrays)))
            self._refuse(f"{missing}: only one of the two has it")
        for path, state in states.items():
            if arrays[path].shape != state.shape:
                self._refuse(
                    f"{path} has shape {arrays[path].shape}, not {state.shape}"
                )
        for path, state in states.items():
            state.hold(np.array(arrays[path], state.dtype))

    def _refuse(self, why: str) -> NoReturn:
        raise ValueError(f"this state does not fit {type(self).__name__}: {why}")

    # --- helpers ------------------------------------------------------------------

    @classmethod
    def checked(cls, name: str, value: float, below: float = np.inf) -> float:
        """`value`, if it is at least 0 and less than `below`; else a `ValueError`."""
        if not 0 <= value < below:
            limit = "" if below == np.inf else f" and less than {below}"
            raise ValueError(f"{cls.__name__}: {name} is at least 0{limit}: {value}")
        return float(value)


def _grad(name: str, parameter: Parameter) -> Tensor:
    if parameter.grad is None:
        raise ValueError(
            f"{name} has no gradient: call backward() on the loss first, or give "
            "step() the gradients that cr.value_and_grad finds"
        )
    return parameter.grad
