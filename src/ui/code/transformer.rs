//! The Transformer in PyTorch.

use crate::spec::{ModelSpec, Positions};

/// The pre-LN Transformer of `nn::transformer`, its parameters under the same names.
pub fn model(spec: &ModelSpec) -> String {
    let ModelSpec { hidden, heads, layers, .. } = *spec;
    let longest = spec.sequence_length.max(256);
    let (positions, at) = match spec.positions {
        Positions::Learned => {
            (format!("self.positions = nn.Embedding({longest}, {hidden})"), "(torch.arange(x.shape[1]))")
        }
        Positions::Sinusoidal => (
            format!(
                "angles = torch.arange({longest})[:, None] / 10000 ** (torch.arange(0, {hidden}, 2) / {hidden})\n        \
                 waves = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)\n        \
                 self.register_buffer(\"positions\", waves, persistent=False)"
            ),
            "[: x.shape[1]]",
        ),
    };
    format!(
        "class Model(nn.Module):\n    \
             def __init__(self):\n        \
                 super().__init__()\n        \
                 self.embed = nn.Embedding(inputs, {hidden})\n        \
                 {positions}\n        \
                 block = nn.TransformerEncoderLayer({hidden}, {heads}, 4 * {hidden}, dropout=0.0, activation=\"gelu\",\n            \
                     batch_first=True, norm_first=True)\n        \
                 self.transformer = nn.TransformerEncoder(block, {layers}, nn.LayerNorm({hidden}), enable_nested_tensor=False)\n        \
                 self.out = nn.Linear({hidden}, outputs)\n\n    \
             def forward(self, x):\n        \
                 mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1])\n        \
                 h = self.embed(x) + self.positions{at}\n        \
                 return self.out(self.transformer(h, mask=mask, is_causal=True))\n\n\
         model = Model()"
    )
}
