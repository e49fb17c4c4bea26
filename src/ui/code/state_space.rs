//! S4D and Mamba in PyTorch, their parameters under the names of the exported weights.

use crate::spec::{Discretisation, ModelSpec, Scan};

/// A stack of S4D blocks.
pub fn s4d(spec: &ModelSpec) -> String {
    let discretise = match spec.discretisation {
        Discretisation::ZeroOrderHold => {
            "decay = torch.exp(dt * A)  # zero-order hold\n        \
             drive = torch.view_as_complex(self.B) * (decay - 1) / A"
        }
        Discretisation::Bilinear => {
            "decay = (1 + dt * A / 2) / (1 - dt * A / 2)  # bilinear\n        \
             drive = torch.view_as_complex(self.B) * dt / (1 - dt * A / 2)"
        }
    };
    let compute = match spec.scan {
        Scan::Convolution => {
            "powers = decay[..., None] ** torch.arange(u.shape[1])\n        \
             kernel = 2 * ((C * drive)[..., None] * powers).sum(1).real  # (channels, steps)\n        \
             n = 2 * u.shape[1]\n        \
             product = torch.fft.rfft(u.transpose(1, 2), n) * torch.fft.rfft(kernel, n)\n        \
             y = torch.fft.irfft(product, n)[..., : u.shape[1]].transpose(1, 2)"
        }
        Scan::Recurrence => {
            "x, y = torch.zeros(u.shape[0], *A.shape, dtype=A.dtype), []\n        \
             for t in range(u.shape[1]):\n            \
                 x = decay * x + drive * u[:, t, :, None]\n            \
                 y.append(2 * (C * x).sum(-1).real)\n        \
             y = torch.stack(y, dim=1)"
        }
    };
    let modes = spec.state_size;
    let mixer = format!(
        "class S4D(nn.Module):\n    \
             def __init__(self, width):\n        \
                 super().__init__()\n        \
                 self.log_dt = nn.Parameter(torch.empty(width).uniform_(math.log(0.001), math.log(0.1)))\n        \
                 self.log_A_real = nn.Parameter(torch.full((width, {modes}), -math.log(2)))\n        \
                 self.A_imag = nn.Parameter(math.pi * torch.arange({modes}.0).repeat(width, 1))\n        \
                 self.B = nn.Parameter(torch.tensor([1.0, 0.0]).repeat(width, {modes}, 1))\n        \
                 self.C = nn.Parameter(torch.randn(width, {modes}, 2) / 2 ** 0.5)\n        \
                 self.D = nn.Parameter(torch.randn(width))\n\n    \
             def forward(self, u):\n        \
                 # x' = A x + B u, y = 2 Re(C x) + D u: a system of its own in each channel.\n        \
                 A = torch.complex(-torch.exp(self.log_A_real), self.A_imag)\n        \
                 dt, C = torch.exp(self.log_dt)[:, None], torch.view_as_complex(self.C)\n        \
                 {discretise}\n        \
                 {compute}\n        \
                 return y + self.D * u"
    );
    let block = "self.mixer, self.output_linear = S4D(width), nn.Linear(width, width)";
    stack(spec, &mixer, block, "self.output_linear(F.gelu(self.mixer(self.norm(x))))")
}

/// A stack of Mamba blocks.
pub fn mamba(spec: &ModelSpec) -> String {
    let state = spec.state_size;
    let rank = spec.hidden.div_ceil(16);
    let mixer = format!(
        "class Mamba(nn.Module):\n    \
             def __init__(self, width):\n        \
                 super().__init__()\n        \
                 inner = 2 * width\n        \
                 self.in_proj = nn.Linear(width, 2 * inner, bias=False)\n        \
                 self.conv1d = nn.Conv1d(inner, inner, 4, groups=inner, padding=3)\n        \
                 self.x_proj = nn.Linear(inner, {rank} + 2 * {state}, bias=False)\n        \
                 self.dt_proj = nn.Linear({rank}, inner)\n        \
                 steps = torch.empty(inner).uniform_(math.log(0.001), math.log(0.1)).exp()\n        \
                 self.dt_proj.bias = nn.Parameter(steps + torch.log(-torch.expm1(-steps)))  # softplus gives the steps\n        \
                 self.A_log = nn.Parameter(torch.log(torch.arange(1.0, {state} + 1)).repeat(inner, 1))\n        \
                 self.D = nn.Parameter(torch.ones(inner))\n        \
                 self.out_proj = nn.Linear(inner, width, bias=False)\n\n    \
             def forward(self, u):\n        \
                 u, z = self.in_proj(u).chunk(2, dim=-1)\n        \
                 u = F.silu(self.conv1d(u.transpose(1, 2))[..., : u.shape[1]].transpose(1, 2))\n        \
                 dt, B, C = self.x_proj(u).split([{rank}, {state}, {state}], dim=-1)\n        \
                 dt = F.softplus(self.dt_proj(dt))  # what is selected: step, B and C depend on the token\n        \
                 A = -torch.exp(self.A_log)\n        \
                 x, y = torch.zeros(u.shape[0], *A.shape), []\n        \
                 for t in range(u.shape[1]):\n            \
                     d = dt[:, t, :, None]\n            \
                     x = torch.exp(d * A) * x + d * B[:, t, None] * u[:, t, :, None]\n            \
                     y.append((x * C[:, t, None]).sum(-1))\n        \
                 return self.out_proj((torch.stack(y, dim=1) + self.D * u) * F.silu(z))"
    );
    stack(spec, &mixer, "self.mixer = Mamba(width)", "self.mixer(self.norm(x))")
}

/// Embedding, blocks with a norm before and a residual around, norm, linear layer.
fn stack(spec: &ModelSpec, mixer: &str, block: &str, inside: &str) -> String {
    let ModelSpec { hidden, layers, .. } = *spec;
    format!(
        "import math\n\n\
         {mixer}\n\n\n\
         class Block(nn.Module):\n    \
             def __init__(self, width):\n        \
                 super().__init__()\n        \
                 self.norm = nn.LayerNorm(width)\n        \
                 {block}\n\n    \
             def forward(self, x):\n        \
                 return x + {inside}\n\n\n\
         class Model(nn.Module):\n    \
             def __init__(self):\n        \
                 super().__init__()\n        \
                 self.embedding = nn.Embedding(inputs, {hidden})\n        \
                 self.layers = nn.ModuleList(Block({hidden}) for _ in range({layers}))\n        \
                 self.norm_f = nn.LayerNorm({hidden})\n        \
                 self.lm_head = nn.Linear({hidden}, outputs)\n\n    \
             def forward(self, x):\n        \
                 x = self.embedding(x)\n        \
                 for block in self.layers:\n            \
                     x = block(x)\n        \
                 return self.lm_head(self.norm_f(x))\n\n\
         model = Model()"
    )
}
