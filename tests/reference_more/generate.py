"""The cases of tests/reference_more: options that the reference set leaves out. Put it beside the reference's `oracle`."""
import os
import sys

from oracle import cli, optim, recurrent as R

SEED = 20240712
OPTIMIZERS = {
    "sgd_dampening": {"name": "sgd", "lr": 0.05, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.01},
    "sgd_nesterov_all": {"name": "sgd", "lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.2, "clip": 0.7},
    "rmsprop_centered": {"name": "rmsprop", "lr": 0.01, "alpha": 0.9, "eps": 1e-4, "centered": True},
    "rmsprop_all": {"name": "rmsprop", "lr": 0.005, "alpha": 0.9, "eps": 1e-4, "centered": True, "momentum": 0.7,
                    "weight_decay": 0.1},
    "adam_betas": {"name": "adam", "lr": 0.003, "betas": [0.5, 0.9], "eps": 1e-6, "clip": 0.3},
    "adamw_default": {"name": "adamw", "lr": 0.02},
}


def cases(seed=SEED):
    kinds = ("rnn", "lstm", "gru")
    made = [R.traced("21a_rnn_relu", "rnn", seed, I=3, H=7, B=2, T=6, nonlinearity="relu")]
    for letter, kind in zip("abc", kinds):
        made.append(R.traced(f"22{letter}_{kind}_no_bias", kind, seed, I=3, H=7, B=2, T=6, bias=False))
        made.append(R.traced(f"23{letter}_{kind}_one", kind, seed, I=1, H=1, B=1, T=1))
        made.append(R.packed(f"24{letter}_{kind}_stack", kind, seed, I=3, H=5, T=6, lengths=[6, 6, 6], layers=3,
                             bidirectional=False))
        made.append(R.packed(f"25{letter}_{kind}_stack_state", kind, seed, I=3, H=5, T=6, lengths=[6, 6], layers=2,
                             bidirectional=False, bias=False, initial_state=True))
        made.append(optim.lm_trace(f"26{letter}_{kind}_stack_trace", kind, seed, V=7, E=3, H=9, B=3, T=8, layers=2,
                                   steps=20, lr=2e-2, clip=0.5))
    made.append(optim.optimizers("27a_optimizers_more", seed, OPTIMIZERS, steps=6))
    return made


if __name__ == "__main__":
    sys.exit(cli.main(cases, os.path.dirname(os.path.abspath(__file__)), "reference_more", SEED, __doc__))
