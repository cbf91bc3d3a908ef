#!/usr/bin/env python3
"""Trains sprout to say what the teachers say.

  train.py --work tools/distil/work --minutes 60 [--state tools/distil/state/sprout.pt]

The learning rate follows a cosine over the given minutes of training, so the run ends when it should whatever else the machine does. The
state (weights, their running mean, optimizer, minutes spent) is written every two minutes into the work folder; the same command
goes on from it. --state starts from committed weights instead (the
network's own; the linear readings for the teachers begin anew).
"""
import argparse
import math
import os
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from network import EMBEDDING, SIZE, Sprout

BATCH = 128


def whitened(features, count):
    """Square roots, then the first principal components, scaled half way to unit variance: what is common does not drown what tells."""
    rows = np.sqrt(np.maximum(features.astype(np.float32), 0))
    mean = rows.mean(0)
    sample = rows[np.random.default_rng(0).permutation(len(rows))[:8000]] - mean
    values, vectors = np.linalg.eigh(sample.T @ sample / len(sample))
    values, vectors = values[::-1][:count], vectors[:, ::-1][:, :count]
    return lambda x: ((np.sqrt(np.maximum(x.astype(np.float32), 0)) - mean) @ vectors / (values ** 0.25) / math.sqrt((values ** 0.5).mean()))


def load_targets(work):
    path = os.path.join(work, "targets.npz")
    if os.path.exists(path):
        return {k: torch.from_numpy(v) for k, v in np.load(path).items()}
    inception = np.load(os.path.join(work, "inception.npy"), mmap_mode="r")
    mobilenet = np.load(os.path.join(work, "mobilenet.npy"))
    logits = np.load(os.path.join(work, "mobilenet_logits.npy")).astype(np.float32)
    views = [np.asarray(inception[:, view]) for view in range(2)]
    has_mirror = bool(views[1].any(axis=1).all())
    project = whitened(views[0], 512)
    targets = {
        "inception": project(views[0]).astype(np.float16),
        "mirrored": project(views[1] if has_mirror else views[0]).astype(np.float16),
        "mobilenet": whitened(mobilenet, 384)(mobilenet).astype(np.float16),
        "classes": F.softmax(torch.from_numpy(logits) / 2, -1).numpy().astype(np.float16),
    }
    if has_mirror:
        np.savez(path, **targets)
    print("mirrored view:", has_mirror, flush=True)
    return {k: torch.from_numpy(v) for k, v in targets.items()}


class Student(nn.Module):
    """sprout with a linear reading of its embedding for each teacher; those are thrown away after training."""

    def __init__(self):
        super().__init__()
        self.sprout = Sprout()
        self.inception = nn.Linear(EMBEDDING, 512)
        self.mobilenet = nn.Linear(EMBEDDING, 384)
        self.classes = nn.Linear(EMBEDDING, 1001)

    def forward(self, x):
        embedding = self.sprout(x)
        return self.inception(embedding), self.mobilenet(embedding), self.classes(embedding)


def augment(photos, mirror, generator):
    """Crops, mirrors, turns and relights a batch of uint8 photos; returns float NCHW of the network's size."""
    n = len(photos)
    rand = lambda *shape: torch.rand(*shape, generator=generator)
    scale = torch.sqrt(0.55 + 0.45 * rand(n))
    aspect = torch.exp((rand(n) - 0.5) * 0.4)
    width, height = (scale * aspect.sqrt()).clamp(max=1), (scale / aspect.sqrt()).clamp(max=1)
    x, y = (rand(n) * 2 - 1) * (1 - width), (rand(n) * 2 - 1) * (1 - height)
    angle = (rand(n) - 0.5) * 0.35
    theta = torch.zeros(n, 2, 3)
    sign = torch.where(mirror, -1.0, 1.0)
    theta[:, 0, 0], theta[:, 0, 1], theta[:, 0, 2] = sign * width * angle.cos(), -height * angle.sin(), x
    theta[:, 1, 0], theta[:, 1, 1], theta[:, 1, 2] = sign * width * angle.sin(), height * angle.cos(), y
    images = photos.permute(0, 3, 1, 2).float()
    images = F.grid_sample(images, F.affine_grid(theta, (n, 3, SIZE, SIZE), align_corners=False), padding_mode="reflection", align_corners=False)
    images = (images - 128) / 64
    gain = 1 + (rand(n, 1, 1, 1) - 0.5) * 0.6
    tint = 1 + (rand(n, 3, 1, 1) - 0.5) * 0.2
    light = (rand(n, 1, 1, 1) - 0.5) * 0.8
    return (images * gain * tint + light).contiguous(memory_format=torch.channels_last)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", default="tools/distil/work")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--state", help="weights to start from")
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--steps", type=int, default=10**9, help="stop after so many steps (for timing)")
    args = parser.parse_args()
    torch.manual_seed(0)
    photos = torch.from_numpy(np.load(os.path.join(args.work, "photos.npy")))
    targets = load_targets(args.work)
    student = Student().to(memory_format=torch.channels_last)
    mean = torch.optim.swa_utils.AveragedModel(student, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.998), use_buffers=True)
    decayed = [p for p in student.parameters() if p.ndim > 1]
    others = [p for p in student.parameters() if p.ndim <= 1]
    optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.05}, {"params": others, "weight_decay": 0}], lr=args.rate)
    running = os.path.join(args.work, "running.pt")
    spent, step = 0.0, 0
    if os.path.exists(running):
        state = torch.load(running)
        student.load_state_dict(state["student"]), mean.load_state_dict(state["mean"]), optimizer.load_state_dict(state["optimizer"])
        spent, step = state["spent"], state["step"]
    elif args.state:
        state = torch.load(args.state)
        student.load_state_dict({k: v.float() if v.is_floating_point() else v for k, v in state.items()}, strict=False)
        mean.module.load_state_dict(student.state_dict())
    generator = torch.Generator().manual_seed(step)
    began, saved, shown, losses = time.time() - spent * 60, time.time(), time.time(), []
    first = step
    while spent < args.minutes and step - first < args.steps:
        rows = torch.randint(len(photos), (BATCH,), generator=generator)
        mirror = torch.rand(BATCH, generator=generator) < 0.5
        images = augment(photos[rows], mirror, generator)
        rate = args.rate * min(1, (step + 1) / 500) * 0.5 * (1 + math.cos(math.pi * min(1, spent / args.minutes)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bf16):
            inception, mobilenet, classes = student(images)
        wanted = torch.where(mirror[:, None], targets["mirrored"][rows], targets["inception"][rows]).float()
        loss = F.smooth_l1_loss(inception.float(), wanted) + F.smooth_l1_loss(mobilenet.float(), targets["mobilenet"][rows].float())
        loss = loss + 0.1 * F.kl_div(F.log_softmax(classes.float() / 2, -1), targets["classes"][rows].float(), reduction="batchmean")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(student.parameters(), 5)
        optimizer.step()
        mean.update_parameters(student)
        losses.append(loss.item())
        step += 1
        spent = (time.time() - began) / 60
        if step % 50 == 0:
            print(f"step {step} epoch {step * BATCH / len(photos):.1f} minute {spent:.1f} loss {np.mean(losses[-200:]):.4f} rate {rate:.5f} "
                  f"{50 * BATCH / (time.time() - shown):.0f} photos/s", flush=True)
            shown = time.time()
        if time.time() - saved > 120 or spent >= args.minutes:
            state = {"student": student.state_dict(), "mean": mean.state_dict(), "optimizer": optimizer.state_dict(), "spent": spent, "step": step}
            torch.save(state, running + ".part")
            os.replace(running + ".part", running)
            half = {k: v.half() if v.is_floating_point() else v for k, v in mean.module.state_dict().items()}
            torch.save(half, os.path.join(args.work, "sprout.pt"))
            saved = time.time()


if __name__ == "__main__":
    main()
