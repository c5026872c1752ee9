"""U-Net of the source for 32² fields, from its description; parameters counted exactly."""
import math
import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.offset = nn.Sequential(nn.Linear(8, inputs), nn.GELU(), nn.Linear(inputs, inputs))
        self.mix = nn.Sequential(
            nn.Conv2d(inputs, inputs, 7, padding=3, groups=inputs),
            nn.GELU(),
            nn.GroupNorm(max(1, inputs // 16), inputs),
            nn.Conv2d(inputs, outputs, 3, padding=1),
        )
        self.short = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x, time):
        return self.mix(x + self.offset(time)[:, :, None, None]) + self.short(x)


class Attention(nn.Module):
    def __init__(self, width, inner, heads=4):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Conv2d(width, 3 * inner, 1, bias=False)
        self.out = nn.Conv2d(inner, width, 1, bias=False)
        self.norm = nn.GroupNorm(max(1, width // 16), width)

    def forward(self, x):
        n, _, h, w = x.shape
        q, k, v = self.qkv(x).reshape(n, 3, self.heads, -1, h * w).transpose(3, 4).unbind(1)
        y = F.scaled_dot_product_attention(q, k, v).transpose(2, 3).reshape(n, -1, h, w)
        return self.norm(x + self.out(y))


class UNet(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        a, b, c = width, 2 * width, 4 * width
        self.stem = nn.Conv2d(6, a, 1)
        pairs = [(a, b), (b, b), (b, c), (c, c), (c, c), (c, c)]
        self.down = nn.ModuleList(Block(*p) for p in pairs)
        self.down_attention = nn.ModuleDict({"3": Attention(c, c), "5": Attention(c, c)})
        self.shrink = nn.ModuleDict({"1": nn.Conv2d(4 * b, b, 1), "3": nn.Conv2d(4 * c, c, 1), "5": nn.Conv2d(4 * c, c, 1)})
        self.middle = nn.ModuleList([Block(c, c), Block(c, c)])
        self.middle_attention = Attention(c, c)
        pairs = [(2 * c, c), (2 * c, c), (2 * c, c), (2 * c, b), (2 * b, b), (2 * b, a)]
        self.up = nn.ModuleList(Block(*p) for p in pairs)
        self.up_attention = nn.ModuleDict({"0": Attention(2 * c, c), "2": Attention(2 * c, c)})
        self.grow = nn.ModuleDict({"0": nn.Conv2d(2 * c, 2 * c, 3, padding=1), "2": nn.Conv2d(2 * c, 2 * c, 3, padding=1), "4": nn.Conv2d(2 * b, 2 * b, 3, padding=1)})
        self.head = Block(a, 3)
        self.last = nn.Conv2d(3, 3, 1)
        self.register_buffer("frequencies", 10000.0 ** (-torch.arange(4) / 3), persistent=False)

    def forward(self, y, t, x):
        """y: noisy (n, 3, 32, 32); t: time (n,), in steps of the source (0 … 200); x: condition (n, 3, 32, 32)."""
        phase = t[:, None] * self.frequencies
        time = torch.cat([phase.sin(), phase.cos()], 1)
        h, skips = self.stem(torch.cat([y, x], 1)), []
        for i, block in enumerate(self.down):
            h = block(h, time)
            if str(i) in self.down_attention:
                h = self.down_attention[str(i)](h)
            if str(i) in self.shrink:
                h = self.shrink[str(i)](F.pixel_unshuffle(h, 2))
            skips.append(0.707 * h)
        h = self.middle[1](self.middle_attention(self.middle[0](h, time)), time)
        for i, block in enumerate(self.up):
            h = torch.cat([h, skips.pop()], 1)
            if str(i) in self.grow:
                h = self.grow[str(i)](F.interpolate(h, scale_factor=2.0, mode="nearest"))
            if str(i) in self.up_attention:
                h = self.up_attention[str(i)](h)
            h = block(h, time)
        return self.last(self.head(h, time))


if __name__ == "__main__":
    net = UNet()
    print(sum(p.numel() for p in net.parameters()), "wanted 1185218")
    print(net(torch.zeros(2, 3, 32, 32), torch.zeros(2), torch.zeros(2, 3, 32, 32)).shape)
    for w in (8, 12): print(w, sum(p.numel() for p in UNet(w).parameters()))
