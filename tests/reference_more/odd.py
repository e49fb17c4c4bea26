"""Cases at odd sizes, with every option that the oracle can express. Put it beside the reference's `oracle`.

    python odd.py <folder>            write data/, manifest.json and VERIFICATION.txt there
    python odd.py <folder> --check    evaluate again, compare with the files
    python odd.py <folder> --list     the case ids

Around the sizes of lanes, tiles and workgroups: hidden 7, 33, 65, 130; batch 1; 1, 2 and 37 steps; lengths of 1, and lengths
that nobody fills; vocabularies smaller than a beam. `SEED=<n>` draws other numbers.
"""
import os
import sys

import numpy as np
from oracle import cli, decode as D, models as M, ops, optim, recurrent as R, spectrum, ssm as S
from oracle.core import init_params, rng_for, tokens

SEED = int(os.environ.get("SEED", 20240713))
KINDS = ("rnn", "lstm", "gru")
# (hidden, batch, time)
SIZES = ((7, 1, 37), (33, 2, 2), (65, 1, 1), (130, 1, 37))


def recurrent(s):
    made = []
    for group, kind in enumerate(KINDS, 1):
        for H, B, T in SIZES:
            made.append(R.traced(f"0{group}_{kind}_h{H}_b{B}_t{T}", kind, s, I=5, H=H, B=B, T=T))
            made.append(R.textbook(f"0{group}_{kind}_textbook_h{H}_b{B}_t{T}", kind, s, I=3, H=H, B=B, T=T, O=4))
        made.append(R.traced(f"0{group}_{kind}_last_no_bias", kind, s, I=1, H=33, B=3, T=37, loss="last", bias=False, gain=0.9))
        made.append(R.traced(f"0{group}_{kind}_wide_input", kind, s, I=67, H=9, B=5, T=3))
        made.append(R.textbook(f"0{group}_{kind}_textbook_one", kind, s, I=1, H=1, B=1, T=1, O=1))
    for H, B, T in SIZES:
        made.append(R.traced(f"01_rnn_relu_h{H}_b{B}_t{T}", "rnn", s, I=5, H=H, B=B, T=T, nonlinearity="relu", gain=1.0))
    made.append(R.traced("01_rnn_relu_last_no_bias", "rnn", s, I=2, H=9, B=1, T=5, nonlinearity="relu", loss="last", bias=False))
    return made


def packed(s):
    made = []
    for kind in KINDS:
        P = lambda name, **how: made.append(R.packed(f"04_{kind}_{name}", kind, s, **how))
        P("bi1", I=3, H=7, T=6, lengths=[1, 6, 2, 5], layers=1)
        P("bi3_state", I=2, H=5, T=9, lengths=[9, 1, 4], layers=3, initial_state=True)
        P("bi2_no_bias", I=5, H=7, T=4, lengths=[2, 4], layers=2, bias=False)
        P("forward4", I=3, H=6, T=5, lengths=[5, 2, 3], layers=4, bidirectional=False)
        P("forward2_state_no_bias", I=3, H=9, T=7, lengths=[1, 7], layers=2, bidirectional=False, bias=False, initial_state=True)
        P("no_gates", I=3, H=5, T=5, lengths=[3, 5], layers=2, record_gates=False)
        P("nobody_fills", I=3, H=5, T=8, lengths=[5, 3], layers=2, initial_state=True)
        P("one_step", I=3, H=33, T=1, lengths=[1], layers=2)
        P("bi2_h65", I=7, H=65, T=37, lengths=[37], layers=2)
        P("bi1_h130", I=7, H=130, T=37, lengths=[1, 37, 2], layers=1, initial_state=True)
        P("bi4_h33", I=4, H=33, T=11, lengths=[11, 7, 1, 2, 11], layers=4)
    return made


def encoder_decoder(s):
    made = []
    for packs in (None, "packed"):
        lengths = lambda *ls: list(ls) if packs else None
        A = lambda name, **how: made.append(M.seq2seq(f"05_{packs or 'full'}_{name}", s, **how))
        A("one", Vs=4, Vt=4, E=1, H=1, S=1, T=1, tgt_lengths=[1], src_lengths=lengths(1))
        A("h33_b1", Vs=13, Vt=7, E=5, H=33, S=37, T=2, tgt_lengths=[2], src_lengths=lengths(30))
        A("h65", Vs=9, Vt=21, E=7, H=65, S=2, T=37, tgt_lengths=[37, 1, 20], src_lengths=lengths(1, 2, 1))
        A("h130", Vs=33, Vt=35, E=3, H=130, S=9, T=5, tgt_lengths=[1, 5], src_lengths=lengths(9, 1))
    return made


def attention(s):
    made = []
    for query in ("prev", "current"):
        A = lambda name, **how: made.append(M.bahdanau(f"06_{query}_{name}", s, query=query, **how))
        A("one", V=4, E=1, He=1, Hd=1, Da=1, S=1, T=1, src_lengths=[1], tgt_lengths=[1])
        A("h33_b1", V=7, E=5, He=65, Hd=33, Da=9, S=37, T=2, src_lengths=[37], tgt_lengths=[2])
        A("h65", V=11, E=3, He=7, Hd=65, Da=33, S=2, T=37, src_lengths=[1, 2, 2], tgt_lengths=[37, 1, 9])
        A("h130", V=9, E=4, He=66, Hd=130, Da=67, S=5, T=3, src_lengths=[5, 1], tgt_lengths=[3, 2])
        A("nobody_fills", V=9, E=4, He=6, Hd=5, Da=3, S=7, T=6, src_lengths=[5, 3], tgt_lengths=[4, 5])
    L = lambda name, **how: made.append(M.luong(f"07_luong_{name}", s, **how))
    L("one", V=4, E=1, H=1, S=1, T=1, src_lengths=[1], tgt_lengths=[1])
    L("h7_b1", V=7, E=5, H=7, S=37, T=37, src_lengths=[36], tgt_lengths=[37])
    L("h33", V=11, E=3, H=33, S=2, T=2, src_lengths=[1, 2, 2], tgt_lengths=[2, 1, 2])
    L("h65", V=9, E=4, H=65, S=5, T=3, src_lengths=[5, 1], tgt_lengths=[3, 2])
    L("h130", V=9, E=4, H=130, S=5, T=9, src_lengths=[4, 3], tgt_lengths=[9, 2])
    for causal in (True, False):
        how = "causal" if causal else "full"
        for B, heads, T, d in ((1, 1, 1, 1), (1, 3, 37, 7), (3, 1, 2, 33), (2, 5, 65, 3), (1, 2, 130, 9)):
            made.append(M.scaled_dot(f"07_dot_{how}_b{B}_n{heads}_t{T}_d{d}", s, B=B, heads=heads, T=T, d=d, causal=causal))
    for activation in ("relu", "gelu", "gelu_tanh"):
        for B, T, width, heads, ff in ((1, 1, 7, 1, 3), (1, 37, 33, 3, 65), (3, 2, 65, 5, 7), (2, 9, 130, 2, 33), (2, 5, 6, 6, 1)):
            made.append(M.transformer(f"07_transformer_{activation}_d{width}_n{heads}_t{T}", s, B=B, T=T, D=width, heads=heads, ff=ff,
                                      activation=activation))
    return made


def classifier(s):
    made = []
    C = lambda name, **how: made.append(M.classifier(f"08_{name}", s, **how))
    C("one", V=3, E=1, H=1, C=2, T=1, lengths=[1], layers=1, bidirectional=False)
    C("forward1_h33", V=9, E=5, H=33, C=5, T=37, lengths=[37, 1], layers=1, bidirectional=False)
    C("forward3_h7", V=9, E=5, H=7, C=2, T=6, lengths=[4, 5, 1], layers=3, bidirectional=False)
    C("bi1_h65_b1", V=31, E=7, H=65, C=3, T=2, lengths=[2], layers=1)
    C("bi3_h9", V=11, E=3, H=9, C=4, T=9, lengths=[9, 1, 2, 8, 3], layers=3)
    C("bi2_h130", V=11, E=6, H=130, C=7, T=5, lengths=[2, 5], layers=2)
    return made


def state_space(s):
    made = []
    for B, L, H, N in ((1, 1, 1, 1), (1, 37, 7, 3), (3, 2, 33, 5), (1, 37, 65, 9), (2, 65, 3, 33), (1, 130, 5, 4)):
        made.append(S.s4d(f"09_s4d_b{B}_l{L}_h{H}_n{N}", s, B=B, L=L, H=H, N=N, gradcheck=L * H * N < 200))
    for gated in (False, True):
        how = "gated" if gated else "plain"
        for B, L, d, n in ((1, 1, 1, 1), (1, 37, 7, 3), (3, 2, 33, 5), (1, 37, 65, 16), (2, 65, 3, 33), (1, 130, 5, 4)):
            made.append(S.scan(f"10_scan_{how}_b{B}_l{L}_d{d}_n{n}", s, Bt=B, L=L, d=d, n=n, gated=gated))
    for B, L, model, inner, n, rank, k in ((1, 1, 1, 1, 1, 1, 1), (1, 2, 7, 5, 3, 1, 4), (2, 37, 9, 33, 5, 3, 3), (1, 37, 33, 65, 16, 2, 4),
                                           (3, 5, 3, 7, 2, 9, 7)):
        made.append(S.mamba_block(f"10_mamba_b{B}_l{L}_m{model}_d{inner}_n{n}_r{rank}_k{k}", s, Bt=B, L=L, d_model=model, d_inner=inner,
                                  n=n, dt_rank=rank, k=k))
    return made


def operations(s):
    made = []
    for B, T, V, ignore in ((1, 1, 3, 0), (1, 37, 33, 2), (5, 2, 130, 0), (2, 7, 65, 7)):
        made.append(ops.losses(f"11_losses_b{B}_t{T}_v{V}_ignore{ignore}", s, B=B, T=T, V=V, ignore=ignore))
    for n in (1, 7, 130):
        made.append(ops.activations(f"11_activations_n{n}", s, n=n))
    for B, N in ((1, 1), (1, 37), (7, 33), (3, 130), (5, 257)):
        made.append(ops.softmaxes(f"11_softmax_b{B}_n{N}", s, B=B, N=N))
    for B, T, width, V, O, k, p in ((1, 1, 2, 3, 1, 1, 0.5), (1, 37, 33, 5, 7, 3, 0.1), (3, 2, 65, 40, 33, 5, 0.75), (2, 5, 130, 9, 65, 2, 0.2)):
        made.append(ops.layers(f"11_layers_b{B}_t{T}_d{width}", s, B=B, T=T, D=width, V=V, O=O, k=k, p=p))
    return made


OPTIMIZERS = {
    "sgd_plain": {"name": "sgd", "lr": 0.3},
    "sgd_all": {"name": "sgd", "lr": 0.05, "momentum": 0.7, "dampening": 0.4, "weight_decay": 0.03, "clip": 0.4},
    "sgd_nesterov": {"name": "sgd", "lr": 0.02, "momentum": 0.5, "nesterov": True, "clip": 0.9},
    "rmsprop_default": {"name": "rmsprop", "lr": 0.003},
    "rmsprop_centered": {"name": "rmsprop", "lr": 0.01, "alpha": 0.8, "eps": 1e-3, "centered": True, "clip": 1.5},
    "rmsprop_all": {"name": "rmsprop", "lr": 0.004, "alpha": 0.95, "eps": 1e-3, "centered": True, "momentum": 0.5, "weight_decay": 0.2},
    "adam_default": {"name": "adam", "lr": 0.004},
    "adam_all": {"name": "adam", "lr": 0.02, "betas": [0.7, 0.95], "eps": 1e-5, "weight_decay": 0.3, "clip": 0.2},
    "adamw_default": {"name": "adamw", "lr": 0.01},
    "adamw_all": {"name": "adamw", "lr": 0.03, "betas": [0.8, 0.99], "eps": 1e-5, "weight_decay": 0.4, "clip": 0.6},
}


def trace(id, kind, s, *, V, E, H, B, T, layers=1, steps=15, optimizer, clip=None):
    """`optim.lm_trace` with any optimiser."""
    sequences = tokens(rng_for(s, id), B, T + 1, low=0, high=V)
    build = lambda: optim.NextToken(kind, V, E, H, layers)
    first = init_params(build(), rng_for(s, id, "params"), 1.2)
    first["out.weight"] = (first["out.weight"] * 0.2).astype(np.float32)
    hyper = {"kind": kind, "vocab": V, "embed": E, "hidden": H, "batch": B, "time": T, "layers": layers}
    return optim.trace_of(id, f"{steps}-step training trace, {kind.upper()} next-token model, {optimizer['name']}",
                          " ".join(optim.NextToken.__doc__.split()) + " Full batch: the same `tokens` at every step.", hyper, build,
                          {"tokens": sequences}, first, optimizer, steps, clip)


def optimisation(s):
    made = [optim.optimizers("12_one", s, OPTIMIZERS, N=1, I=1, H=1, O=1, V=2, steps=3),
            optim.optimizers("12_h33", s, OPTIMIZERS, N=7, I=3, H=33, O=5, V=9, steps=6),
            optim.optimizers("12_h65", s, {k: OPTIMIZERS[k] for k in ("sgd_all", "rmsprop_all", "adam_all", "adamw_all")}, N=5, I=65, H=67,
                             O=2, V=3, steps=4)]
    for kind in KINDS:
        T = lambda name, **how: made.append(trace(f"13_{kind}_{name}", kind, s, **how))
        T("sgd_h7_b1_t37", V=5, E=3, H=7, B=1, T=37, optimizer={"name": "sgd", "lr": 0.2, "momentum": 0.8, "nesterov": True}, clip=0.5)
        T("adamw_h33_t2", V=33, E=7, H=33, B=5, T=2, layers=2, optimizer={"name": "adamw", "lr": 3e-3, "weight_decay": 0.1})
        T("rmsprop_h65_t1", V=9, E=2, H=65, B=3, T=1, optimizer={"name": "rmsprop", "lr": 1e-3, "centered": True, "eps": 1e-3}, clip=0.7)
        T("adam_h9_three", V=7, E=4, H=9, B=2, T=9, layers=3, optimizer={"name": "adam", "lr": 5e-3, "eps": 1e-4}, clip=0.3)
        T("adam_h130", V=11, E=5, H=130, B=1, T=5, steps=4, optimizer={"name": "adam", "lr": 1e-3, "eps": 1e-4})
    return made


def decoding(s):
    made = []
    B = lambda name, **how: made.append(D.beam_search(f"14_{name}", s, strict=False, **how))
    B("one", V=4, E=1, H=1, max_len=1, widths=(1, 2, 4), top=4, min_gap=1e-3)
    B("wider_than_the_vocabulary", V=4, E=3, H=7, max_len=4, widths=(1, 7, 12), top=7, gain=2.5, min_gap=5e-4)
    B("h33", V=9, E=5, H=33, max_len=4, widths=(1, 2, 6), top=3, gain=2.0, min_gap=5e-4)
    B("h65_long", V=4, E=2, H=65, max_len=7, widths=(2, 4), top=5, gain=2.0, min_gap=5e-4)
    B("h130", V=17, E=4, H=130, max_len=3, widths=(1, 3), top=4, gain=2.0, min_gap=5e-4)
    F = lambda name, **how: made.append(D.reinforce(f"15_{name}", s, **how))
    for beta, baseline in ((0.0, "mean"), (0.3, "own")):
        how = "entropy" if beta else "plain"
        F(f"{how}_one", V=4, E=1, H=1, T=1, lengths=[1], beta=beta, baseline=baseline if beta else "own")
        F(f"{how}_h33_b1", V=7, E=5, H=33, T=37, lengths=[30], beta=beta, baseline="own")
        F(f"{how}_h65", V=33, E=3, H=65, T=2, lengths=[2, 1, 2], beta=beta, baseline=baseline)
        F(f"{how}_h130", V=9, E=7, H=130, T=5, lengths=[4, 1], beta=beta, baseline=baseline)
    J = lambda name, **how: made.append(spectrum.jacobian_spectrum(f"16_{name}", s, **how))
    J("one", I=1, H=1, T=1, rho=0.5)
    J("h2_t2", I=1, H=2, T=2, rho=1.0)
    J("h7_t37", I=2, H=7, T=37, rho=0.9)
    J("h33_t2", I=5, H=33, T=2, rho=1.3)
    J("h33_t9_quiet", I=3, H=33, T=9, rho=1.2, quiet=1e-3)
    J("h65_t5", I=3, H=65, T=5, rho=0.7)
    J("h130_t2", I=3, H=130, T=2, rho=1.1)
    G = lambda name, **how: made.append(D.scheduled_sampling(f"17_{name}", s, **how))
    G("one", V=4, E=1, H=1, T=1, tgt_lengths=[1], p_teacher=0.5)
    G("free_h7", V=5, E=3, H=7, T=37, tgt_lengths=[37], p_teacher=0.0, min_gap=1e-3)
    G("forced_h33", V=9, E=4, H=33, T=2, tgt_lengths=[2, 1], p_teacher=1.0)
    G("h65", V=7, E=4, H=65, T=6, tgt_lengths=[6, 2, 5], p_teacher=0.25, min_gap=1e-3)
    G("h130", V=7, E=4, H=130, T=5, tgt_lengths=[3, 5], p_teacher=0.5, min_gap=1e-3)
    return made


GROUPS = (recurrent, packed, encoder_decoder, attention, classifier, state_space, operations, optimisation, decoding)


def cases(seed=SEED):
    return sorted((case for group in GROUPS for case in group(seed)), key=lambda case: case.id)


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    sys.exit(cli.main(cases, sys.argv[1], "odd", SEED, __doc__, sys.argv[2:]))
