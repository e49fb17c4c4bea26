"""The cases of tests/reference_more: options that the reference set leaves out. Put it beside the reference's `oracle`."""
import os
import sys

import odd
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
# Of `odd.py`'s cases: small files of every group.
ODD = """
01_rnn_relu_last_no_bias 01_rnn_textbook_h33_b2_t2 02_lstm_textbook_one 03_gru_h7_b1_t37 03_gru_textbook_h7_b1_t37
04_gru_nobody_fills 04_lstm_forward2_state_no_bias 04_rnn_bi2_no_bias 05_full_one 05_packed_one 06_current_one
06_prev_nobody_fills 07_dot_causal_b3_n1_t2_d33 07_dot_full_b1_n1_t1_d1 07_luong_one 07_transformer_gelu_d7_n1_t1
07_transformer_relu_d6_n6_t5 08_forward3_h7 08_one 09_s4d_b1_l1_h1_n1 09_s4d_b1_l37_h7_n3 10_mamba_b1_l1_m1_d1_n1_r1_k1
10_mamba_b3_l5_m3_d7_n2_r9_k7 10_scan_gated_b3_l2_d33_n5 10_scan_plain_b1_l1_d1_n1 11_layers_b1_t1_d2
11_losses_b2_t7_v65_ignore7 11_softmax_b3_n130 12_one 13_gru_adam_h9_three 13_rnn_sgd_h7_b1_t37 14_one
14_wider_than_the_vocabulary 15_entropy_one 16_h2_t2 16_one 17_free_h7 17_one
""".split()


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
    made.extend(case for case in odd.cases() if case.id in ODD)
    return made


if __name__ == "__main__":
    sys.exit(cli.main(cases, os.path.dirname(os.path.abspath(__file__)), "reference_more", SEED, __doc__))
