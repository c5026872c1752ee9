"""The sweeps of :mod:`pbdl_helpers.fluids` over the cells, compiled by numba for CPUs, and their adjoints by hand.

One torch operation passes over a whole field; a step of the flow takes some two hundred of them, and on grids of a few
thousand cells most of the time goes into starting them. Here each sweep is one loop. What is computed, and in which
order, is that of the torch code in :class:`~pbdl_helpers.fluids.Flow`, which remains for GPUs, for higher derivatives,
and where numba is missing; the tests compare both to round-off.

All arrays are C-contiguous and of one floating-point type. ``u``: (batch, y, x + 1), ``v``: (batch, y + 1, x). A
*table* says how a field is padded, see ``pad``. An adjoint adds to the arrays whose names start with ``g_``.
"""

from __future__ import annotations

import numpy as np
from numba import njit

OPTIONS = {"cache": True, "error_model": "numpy"}


@njit(**OPTIONS)
def pad(field, table, padded):
    """Writes a field and the ring of values around it, and what its cells in the obstacle stand for.

    ``table`` holds: of the sides (lower x, upper x, lower y, upper y) the index that is repeated outside, its factor
    and what is added; the flat indices of values in the obstacle, (n,), of the values that replace them, (n, k), and
    of these the weights, (n, k).
    """
    source, factor, constant, inside, beside, weights = table
    ny, nx = field.shape
    for i in range(ny):
        for j in range(nx):
            padded[i + 1, j + 1] = field[i, j]
    for n in range(len(inside)):
        value = weights[n, 0] * field[beside[n, 0] // nx, beside[n, 0] % nx]
        for m in range(1, beside.shape[1]):
            value += weights[n, m] * field[beside[n, m] // nx, beside[n, m] % nx]
        padded[inside[n] // nx + 1, inside[n] % nx + 1] = value
    for i in range(1, ny + 1):
        padded[i, 0] = factor[0] * padded[i, source[0] + 1] + constant[0]
        padded[i, nx + 1] = factor[1] * padded[i, source[1] + 1] + constant[1]
    for j in range(nx + 2):
        padded[0, j] = factor[2] * padded[source[2] + 1, j] + constant[2]
        padded[ny + 1, j] = factor[3] * padded[source[3] + 1, j] + constant[3]


@njit(**OPTIONS)
def pad_adjoint(g_padded, table, g_field):
    """Uses up ``g_padded``."""
    source, factor, _, inside, beside, weights = table
    ny, nx = g_field.shape
    for j in range(nx + 2):
        g_padded[source[3] + 1, j] += factor[3] * g_padded[ny + 1, j]
        g_padded[source[2] + 1, j] += factor[2] * g_padded[0, j]
    for i in range(1, ny + 1):
        g_padded[i, source[1] + 1] += factor[1] * g_padded[i, nx + 1]
        g_padded[i, source[0] + 1] += factor[0] * g_padded[i, 0]
    for n in range(len(inside)):
        row, column = inside[n] // nx + 1, inside[n] % nx + 1
        for m in range(beside.shape[1]):
            g_field[beside[n, m] // nx, beside[n, m] % nx] += weights[n, m] * g_padded[row, column]
        g_padded[row, column] = 0
    for i in range(ny):
        for j in range(nx):
            g_field[i, j] += g_padded[i + 1, j + 1]


@njit(**OPTIONS)
def enforce(field, mask, value, axis, periodic, out):
    """Sets the prescribed faces; in a periodic direction the first and the last face get their mean."""
    ny, nx = field.shape
    half = field.dtype.type(0.5)
    for i in range(ny):
        for j in range(nx):
            out[i, j] = field[i, j] * mask[i, j] + value[i, j]
    if periodic and axis == 1:
        for i in range(ny):
            face = (field[i, 0] + field[i, nx - 1]) * half
            out[i, 0] = face * mask[i, 0] + value[i, 0]
            out[i, nx - 1] = face * mask[i, nx - 1] + value[i, nx - 1]
    elif periodic:
        for j in range(nx):
            face = (field[0, j] + field[ny - 1, j]) * half
            out[0, j] = face * mask[0, j] + value[0, j]
            out[ny - 1, j] = face * mask[ny - 1, j] + value[ny - 1, j]


@njit(**OPTIONS)
def enforce_adjoint(g_out, mask, axis, periodic, g_field):
    """Writes, and does not add to, ``g_field``."""
    ny, nx = g_out.shape
    half = g_out.dtype.type(0.5)
    for i in range(ny):
        for j in range(nx):
            g_field[i, j] = g_out[i, j] * mask[i, j]
    if periodic and axis == 1:
        for i in range(ny):
            face = (g_field[i, 0] + g_field[i, nx - 1]) * half
            g_field[i, 0] = face
            g_field[i, nx - 1] = face
    elif periodic:
        for j in range(nx):
            face = (g_field[0, j] + g_field[ny - 1, j]) * half
            g_field[0, j] = face
            g_field[ny - 1, j] = face


@njit(**OPTIONS)
def positions(vx, vy, row, shift, periods, rows, columns, cells, wx, wy):
    """Finds where the fluid of one row of points was before, in a padded field of ``rows`` and ``columns``.

    Writes the flat index of the lower left of four values, and the weights of the right and of the upper ones. A place
    that is not a number gets such a weight and an index that exists.
    """
    kind = wx.dtype.type
    zero, one = kind(0), kind(1)
    period_x, period_y = periods
    waves_x, waves_y = one / period_x if period_x > 0 else zero, one / period_y if period_y > 0 else zero
    last_x, last_y = kind(columns - 1), kind(rows - 1)
    y_here = kind(row)
    for j in range(len(wx)):  # no branches: this loop runs on vectors
        x = kind(np.int32(j)) - vx[j] * shift
        y = y_here - vy[j] * shift
        x = x - period_x * np.floor(x * waves_x) + one  # the ring
        y = y - period_y * np.floor(y * waves_y) + one
        x = zero if x < zero else last_x if x > last_x else x
        y = zero if y < zero else last_y if y > last_y else y
        left, low = np.floor(x), np.floor(y)
        left, low = left if left > zero else zero, low if low > zero else zero
        left, low = left if left < last_x - one else last_x - one, low if low < last_y - one else last_y - one
        wx[j] = x - left
        wy[j] = y - low
        cells[j] = np.int32(low) * np.int32(columns) + np.int32(left)


@njit(**OPTIONS)
def look_up(padded, vx, vy, shift, periods, out):
    """Interpolates at the places from which the velocity leads here; ``shift``: time step over cell size."""
    rows, columns = padded.shape
    ny, nx = out.shape
    wx, wy = np.empty(nx, out.dtype), np.empty(nx, out.dtype)
    cells, flat = np.empty(nx, np.int32), padded.reshape(-1)
    for i in range(ny):
        positions(vx[i], vy[i], i, shift, periods, rows, columns, cells, wx, wy)
        for j in range(nx):
            k = cells[j]
            below = flat[k] + wx[j] * (flat[k + 1] - flat[k])
            k += columns
            out[i, j] = below + wy[j] * (flat[k] + wx[j] * (flat[k + 1] - flat[k]) - below)


@njit(**OPTIONS)
def look_up_between(padded, vx, vy, shift, periods, out, lowest, highest):
    """As ``look_up``, with the lowest and the highest of the four values that it interpolates."""
    rows, columns = padded.shape
    ny, nx = out.shape
    wx, wy = np.empty(nx, out.dtype), np.empty(nx, out.dtype)
    cells, flat = np.empty(nx, np.int32), padded.reshape(-1)
    for i in range(ny):
        positions(vx[i], vy[i], i, shift, periods, rows, columns, cells, wx, wy)
        for j in range(nx):
            k = cells[j]
            a, b, c, d = flat[k], flat[k + 1], flat[k + columns], flat[k + columns + 1]
            below = a + wx[j] * (b - a)
            out[i, j] = below + wy[j] * (c + wx[j] * (d - c) - below)
            low, high = (a, b) if a < b else (b, a)
            low, high = c if c < low else low, c if c > high else high
            lowest[i, j] = d if d < low else low
            highest[i, j] = d if d > high else high


@njit(**OPTIONS)
def look_up_adjoint(g_out, padded, vx, vy, shift, periods, g_padded, g_vx, g_vy):
    rows, columns = padded.shape
    ny, nx = g_out.shape
    one = g_out.dtype.type(1)
    wx, wy = np.empty(nx, g_out.dtype), np.empty(nx, g_out.dtype)
    cells, flat, g_flat = np.empty(nx, np.int32), padded.reshape(-1), g_padded.reshape(-1)
    for i in range(ny):
        positions(vx[i], vy[i], i, shift, periods, rows, columns, cells, wx, wy)
        for j in range(nx):
            k, g = cells[j], g_out[i, j]
            upper = g * wy[j]
            lower = g - upper
            g_flat[k] += lower * (one - wx[j])
            g_flat[k + 1] += lower * wx[j]
            g_flat[k + columns] += upper * (one - wx[j])
            g_flat[k + columns + 1] += upper * wx[j]
        for j in range(nx):
            k, g = cells[j], -g_out[i, j] * shift
            a, b, c, d = flat[k], flat[k + 1], flat[k + columns], flat[k + columns + 1]
            twist = d - c - b + a
            # at the outermost ring and beyond, the place does not matter
            if not (wx[j] == one or (wx[j] == 0 and k % columns == 0)):
                g_vx[i, j] += g * (b - a + wy[j] * twist)
            if not (wy[j] == one or (wy[j] == 0 and k < columns)):
                g_vy[i, j] += g * (c - a + wx[j] * twist)


@njit(**OPTIONS)
def limit(field, forward, back, lowest, highest, out):
    """MacCormack's correction, kept between two values; one that is not a number passes."""
    ny, nx = out.shape
    half = out.dtype.type(0.5)
    for i in range(ny):
        for j in range(nx):
            value = forward[i, j] + (field[i, j] - back[i, j]) * half
            value = lowest[i, j] if value < lowest[i, j] else value
            out[i, j] = highest[i, j] if value > highest[i, j] else value


@njit(**OPTIONS)
def limit_adjoint(g_out, field, forward, back, lowest, highest, g_field, g_forward, g_back):
    """Writes, and does not add to, ``g_back``; leaves in ``g_out`` what goes to the limits."""
    ny, nx = g_out.shape
    zero, half = g_out.dtype.type(0), g_out.dtype.type(0.5)
    for i in range(ny):
        for j in range(nx):
            value = forward[i, j] + (field[i, j] - back[i, j]) * half
            inside = zero if value < lowest[i, j] or value > highest[i, j] else g_out[i, j]
            g_field[i, j] += inside * half
            g_forward[i, j] += inside
            g_back[i, j] = -inside * half
            g_out[i, j] -= inside


@njit(**OPTIONS)
def extreme_adjoint(g_out, value, lowest, padded, vx, vy, shift, periods, g_padded):
    """Hands the gradient of a limit to the value of four that it is; equal ones share it, as torch has it."""
    rows, columns = padded.shape
    ny, nx = g_out.shape
    kind = g_out.dtype.type
    zero, one, half = kind(0), kind(1), kind(0.5)
    wx, wy = np.empty(nx, g_out.dtype), np.empty(nx, g_out.dtype)
    cells, flat, g_flat = np.empty(nx, np.int32), padded.reshape(-1), g_padded.reshape(-1)
    for i in range(ny):
        positions(vx[i], vy[i], i, shift, periods, rows, columns, cells, wx, wy)
        for j in range(nx):
            k, g = cells[j], g_out[i, j]
            if g == 0:
                continue
            a, b, c, d = flat[k], flat[k + 1], flat[k + columns], flat[k + columns + 1]
            if value[i, j] == lowest[i, j]:  # turn the signs: the highest of the negative values
                a, b, c, d = -a, -b, -c, -d
            on_left, on_right = max(c, a), max(d, b)
            share = one if on_left > on_right else zero if on_left < on_right else half
            up = one if c > a else zero if c < a else half
            g_flat[k + columns] += g * share * up
            g_flat[k] += g * share * (one - up)
            up = one if d > b else zero if d < b else half
            g_flat[k + columns + 1] += g * (one - share) * up
            g_flat[k + 1] += g * (one - share) * (one - up)


@njit(**OPTIONS)
def mean_at_u(padded_v, out):
    """Averages v at the points of u; with the ring on both sides in x and on none in y."""
    quarter = out.dtype.type(0.25)
    ny, nx = out.shape
    for i in range(ny):
        for j in range(nx):
            left = padded_v[i + 2, j] + padded_v[i + 1, j]
            out[i, j] = (padded_v[i + 2, j + 1] + padded_v[i + 1, j + 1] + left) * quarter


@njit(**OPTIONS)
def mean_at_u_adjoint(g_out, g_padded_v):
    quarter = g_out.dtype.type(0.25)
    ny, nx = g_out.shape
    for i in range(ny):
        for j in range(nx):
            g = g_out[i, j] * quarter
            g_padded_v[i + 1, j] += g
            g_padded_v[i + 1, j + 1] += g
            g_padded_v[i + 2, j] += g
            g_padded_v[i + 2, j + 1] += g


@njit(**OPTIONS)
def mean_at_v(padded_u, out):
    quarter = out.dtype.type(0.25)
    ny, nx = out.shape
    for i in range(ny):
        for j in range(nx):
            left = padded_u[i + 1, j + 1] + padded_u[i, j + 1]
            out[i, j] = (padded_u[i + 1, j + 2] + padded_u[i, j + 2] + left) * quarter


@njit(**OPTIONS)
def mean_at_v_adjoint(g_out, g_padded_u):
    quarter = g_out.dtype.type(0.25)
    ny, nx = g_out.shape
    for i in range(ny):
        for j in range(nx):
            g = g_out[i, j] * quarter
            g_padded_u[i, j + 1] += g
            g_padded_u[i, j + 2] += g
            g_padded_u[i + 1, j + 1] += g
            g_padded_u[i + 1, j + 2] += g


@njit(**OPTIONS)
def mean_at_centre(u, v, vx, vy):
    half = u.dtype.type(0.5)
    ny, nx = vx.shape
    for i in range(ny):
        for j in range(nx):
            vx[i, j] = (u[i, j + 1] + u[i, j]) * half
            vy[i, j] = (v[i + 1, j] + v[i, j]) * half


@njit(**OPTIONS)
def mean_at_centre_adjoint(g_vx, g_vy, g_u, g_v):
    half = g_u.dtype.type(0.5)
    ny, nx = g_vx.shape
    for i in range(ny):
        for j in range(nx):
            g_u[i, j] += g_vx[i, j] * half
            g_u[i, j + 1] += g_vx[i, j] * half
            g_v[i, j] += g_vy[i, j] * half
            g_v[i + 1, j] += g_vy[i, j] * half


@njit(**OPTIONS)
def correct(field, table, vx, vy, shift, periods, padded, forward, ring, back, lowest, highest, out):
    """MacCormack's scheme; all that follows ``periods`` is written."""
    pad(field, table, padded)
    look_up_between(padded, vx, vy, shift, periods, forward, lowest, highest)
    pad(forward, table, ring)
    look_up(ring, vx, vy, -shift, periods, back)
    limit(field, forward, back, lowest, highest, out)


@njit(**OPTIONS)
def move(field, table, vx, vy, shift, periods, corrected, out):
    """Carries a field along, by MacCormack's scheme or by look-up alone."""
    ny, nx = field.shape
    padded = np.empty((ny + 2, nx + 2), field.dtype)
    if corrected:
        forward, back, ring = np.empty_like(field), np.empty_like(field), np.empty_like(padded)
        lowest, highest = np.empty_like(field), np.empty_like(field)
        correct(field, table, vx, vy, shift, periods, padded, forward, ring, back, lowest, highest, out)
    else:
        pad(field, table, padded)
        look_up(padded, vx, vy, shift, periods, out)


@njit(**OPTIONS)
def move_adjoint(g_out, field, table, vx, vy, shift, periods, corrected, g_field, g_vx, g_vy):
    """Uses up ``g_out``."""
    ny, nx = field.shape
    padded = np.empty((ny + 2, nx + 2), field.dtype)
    g_padded = np.zeros_like(padded)
    if corrected:
        forward, back, out = np.empty_like(field), np.empty_like(field), np.empty_like(field)
        lowest, highest = np.empty_like(field), np.empty_like(field)
        ring, g_ring = np.empty_like(padded), np.zeros_like(padded)
        g_forward, g_back = np.zeros_like(field), np.empty_like(field)
        correct(field, table, vx, vy, shift, periods, padded, forward, ring, back, lowest, highest, out)
        limit_adjoint(g_out, field, forward, back, lowest, highest, g_field, g_forward, g_back)
        extreme_adjoint(g_out, out, lowest, padded, vx, vy, shift, periods, g_padded)
        look_up_adjoint(g_back, ring, vx, vy, -shift, periods, g_ring, g_vx, g_vy)
        pad_adjoint(g_ring, table, g_forward)
        look_up_adjoint(g_forward, padded, vx, vy, shift, periods, g_padded, g_vx, g_vy)
    else:
        pad(field, table, padded)
        look_up_adjoint(g_out, padded, vx, vy, shift, periods, g_padded, g_vx, g_vy)
    pad_adjoint(g_padded, table, g_field)


@njit(**OPTIONS)
def spread(field, table, number, padded, out):
    """Adds the diffusion number times the second differences."""
    pad(field, table, padded)
    ny, nx = field.shape
    four = field.dtype.type(4)
    for i in range(ny):
        for j in range(nx):
            around = padded[i + 1, j + 2] + padded[i + 1, j] + padded[i + 2, j + 1] + padded[i, j + 1]
            out[i, j] = field[i, j] + number * (around - four * field[i, j])


@njit(**OPTIONS)
def spread_adjoint(g_out, field, table, number, padded, g_field):
    """Returns the gradient of the diffusion number; ``padded`` is work space."""
    pad(field, table, padded)
    g_padded = np.zeros_like(padded)
    ny, nx = field.shape
    one, four = field.dtype.type(1), field.dtype.type(4)
    g_number = field.dtype.type(0)
    for i in range(ny):
        for j in range(nx):
            around = padded[i + 1, j + 2] + padded[i + 1, j] + padded[i + 2, j + 1] + padded[i, j + 1]
            g = g_out[i, j]
            g_number += g * (around - four * field[i, j])
            g_field[i, j] += g * (one - four * number)
            g *= number
            g_padded[i + 1, j + 2] += g
            g_padded[i + 1, j] += g
            g_padded[i + 2, j + 1] += g
            g_padded[i, j + 1] += g
    pad_adjoint(g_padded, table, g_field)
    return g_number


@njit(**OPTIONS)
def advance(u, v, masks, values, tables, periodic, shift, corrected, numbers, out_u, out_v):
    """Moves velocities by themselves and diffuses them by ``numbers``, (batch,), or not if that is empty."""
    ny, nx = u.shape[1], v.shape[2]
    kind = u.dtype.type
    periods = kind(nx if periodic[0] else 0), kind(ny if periodic[1] else 0)
    pu, pv = np.empty((ny + 2, nx + 3), u.dtype), np.empty((ny + 3, nx + 2), u.dtype)
    eu, ev, across_u, across_v = np.empty_like(u[0]), np.empty_like(v[0]), np.empty_like(u[0]), np.empty_like(v[0])
    for b in range(len(u)):
        enforce(u[b], masks[0], values[0], 1, periodic[0], eu)
        enforce(v[b], masks[1], values[1], 0, periodic[1], ev)
        pad(eu, tables[0], pu)
        pad(ev, tables[1], pv)
        mean_at_u(pv, across_u)
        mean_at_v(pu, across_v)
        move(eu, tables[0], eu, across_u, shift, periods, corrected, out_u[b])
        move(ev, tables[1], across_v, ev, shift, periods, corrected, out_v[b])
        if len(numbers):
            enforce(out_u[b], masks[0], values[0], 1, periodic[0], eu)
            enforce(out_v[b], masks[1], values[1], 0, periodic[1], ev)
            spread(eu, tables[0], numbers[b], pu, out_u[b])
            spread(ev, tables[1], numbers[b], pv, out_v[b])


@njit(**OPTIONS)
def advance_adjoint(
    g_out_u, g_out_v, u, v, masks, values, tables, periodic, shift, corrected, numbers, g_u, g_v, g_numbers
):
    """Computes the step again where it needs it. Writes, and does not add to, its results."""
    ny, nx = u.shape[1], v.shape[2]
    kind = u.dtype.type
    periods = kind(nx if periodic[0] else 0), kind(ny if periodic[1] else 0)
    pu, pv = np.empty((ny + 2, nx + 3), u.dtype), np.empty((ny + 3, nx + 2), u.dtype)
    eu, ev, across_u, across_v = np.empty_like(u[0]), np.empty_like(v[0]), np.empty_like(u[0]), np.empty_like(v[0])
    mu, mv, fu, fv = np.empty_like(eu), np.empty_like(ev), np.empty_like(eu), np.empty_like(ev)
    for b in range(len(u)):
        enforce(u[b], masks[0], values[0], 1, periodic[0], eu)
        enforce(v[b], masks[1], values[1], 0, periodic[1], ev)
        pad(eu, tables[0], pu)
        pad(ev, tables[1], pv)
        mean_at_u(pv, across_u)
        mean_at_v(pu, across_v)
        g_mu, g_mv = np.empty_like(mu), np.empty_like(mv)
        if len(numbers):
            move(eu, tables[0], eu, across_u, shift, periods, corrected, mu)
            move(ev, tables[1], across_v, ev, shift, periods, corrected, mv)
            enforce(mu, masks[0], values[0], 1, periodic[0], fu)
            enforce(mv, masks[1], values[1], 0, periodic[1], fv)
            g_fu, g_fv = np.zeros_like(mu), np.zeros_like(mv)
            g_numbers[b] = spread_adjoint(g_out_u[b], fu, tables[0], numbers[b], pu, g_fu)
            g_numbers[b] += spread_adjoint(g_out_v[b], fv, tables[1], numbers[b], pv, g_fv)
            enforce_adjoint(g_fu, masks[0], 1, periodic[0], g_mu)
            enforce_adjoint(g_fv, masks[1], 0, periodic[1], g_mv)
        else:
            g_mu[:] = g_out_u[b]
            g_mv[:] = g_out_v[b]
        g_eu, g_ev, g_across_u, g_across_v = (
            np.zeros_like(mu),
            np.zeros_like(mv),
            np.zeros_like(mu),
            np.zeros_like(mv),
        )
        # a component moves, and is moved by, itself
        move_adjoint(g_mu, eu, tables[0], eu, across_u, shift, periods, corrected, g_eu, g_eu, g_across_u)
        move_adjoint(g_mv, ev, tables[1], across_v, ev, shift, periods, corrected, g_ev, g_across_v, g_ev)
        g_pu, g_pv = np.zeros_like(pu), np.zeros_like(pv)
        mean_at_u_adjoint(g_across_u, g_pv)
        mean_at_v_adjoint(g_across_v, g_pu)
        pad_adjoint(g_pu, tables[0], g_eu)
        pad_adjoint(g_pv, tables[1], g_ev)
        enforce_adjoint(g_eu, masks[0], 1, periodic[0], g_u[b])
        enforce_adjoint(g_ev, masks[1], 0, periodic[1], g_v[b])


@njit(**OPTIONS)
def velocity_at(kind, u, v, tables, padded_u, padded_v, vx, vy):
    """Writes the velocity at the points of a field (0: u, 1: v, 2: at centres); the padded fields are work space."""
    if kind == 0:
        pad(v, tables[1], padded_v)
        vx[:] = u
        mean_at_u(padded_v, vy)
    elif kind == 1:
        pad(u, tables[0], padded_u)
        mean_at_v(padded_u, vx)
        vy[:] = v
    else:
        mean_at_centre(u, v, vx, vy)


@njit(**OPTIONS)
def carry(field, u, v, tables, kind, shift, periodic, corrected, out):
    """Carries fields of one kind (0: u, 1: v, 2: at centres) along velocities; ``tables[2]`` is that of the field."""
    ny, nx = u.shape[1], v.shape[2]
    one = u.dtype.type
    periods = one(nx if periodic[0] else 0), one(ny if periodic[1] else 0)
    pu, pv = np.empty((ny + 2, nx + 3), u.dtype), np.empty((ny + 3, nx + 2), u.dtype)
    vx, vy = np.empty_like(field[0]), np.empty_like(field[0])
    for b in range(len(field)):
        velocity_at(kind, u[b], v[b], tables, pu, pv, vx, vy)
        move(field[b], tables[2], vx, vy, shift, periods, corrected, out[b])


@njit(**OPTIONS)
def carry_adjoint(g_out, field, u, v, tables, kind, shift, periodic, corrected, g_field, g_u, g_v):
    ny, nx = u.shape[1], v.shape[2]
    one = u.dtype.type
    periods = one(nx if periodic[0] else 0), one(ny if periodic[1] else 0)
    pu, pv = np.empty((ny + 2, nx + 3), u.dtype), np.empty((ny + 3, nx + 2), u.dtype)
    vx, vy = np.empty_like(field[0]), np.empty_like(field[0])
    for b in range(len(field)):
        g_vx, g_vy = np.zeros_like(vx), np.zeros_like(vy)
        velocity_at(kind, u[b], v[b], tables, pu, pv, vx, vy)
        move_adjoint(g_out[b].copy(), field[b], tables[2], vx, vy, shift, periods, corrected, g_field[b], g_vx, g_vy)
        if kind == 0:
            g_u[b] += g_vx
            g_pv = np.zeros_like(pv)
            mean_at_u_adjoint(g_vy, g_pv)
            pad_adjoint(g_pv, tables[1], g_v[b])
        elif kind == 1:
            g_v[b] += g_vy
            g_pu = np.zeros_like(pu)
            mean_at_v_adjoint(g_vx, g_pu)
            pad_adjoint(g_pu, tables[0], g_u[b])
        else:
            mean_at_centre_adjoint(g_vx, g_vy, g_u[b], g_v[b])


@njit(**OPTIONS)
def divergence(u, v, masks, values, periodic, out_u, out_v, out):
    """Sets the prescribed faces, and sums the net outflow of the cells (times their size)."""
    ny, nx = out.shape[1:]
    for b in range(len(u)):
        enforce(u[b], masks[0], values[0], 1, periodic[0], out_u[b])
        enforce(v[b], masks[1], values[1], 0, periodic[1], out_v[b])
        for i in range(ny):
            for j in range(nx):
                out[b, i, j] = out_u[b, i, j + 1] - out_u[b, i, j] + out_v[b, i + 1, j] - out_v[b, i, j]


@njit(**OPTIONS)
def divergence_adjoint(g_u, g_v, g_out, masks, periodic, out_u, out_v):
    """``g_u`` and ``g_v`` are the gradients of the faces; those of the unset faces are written to ``out_u`` and
    ``out_v``.
    """
    ny, nx = g_out.shape[1:]
    for b in range(len(g_u)):
        eu, ev = g_u[b].copy(), g_v[b].copy()
        for i in range(ny):
            for j in range(nx):
                eu[i, j + 1] += g_out[b, i, j]
                eu[i, j] -= g_out[b, i, j]
                ev[i + 1, j] += g_out[b, i, j]
                ev[i, j] -= g_out[b, i, j]
        enforce_adjoint(eu, masks[0], 1, periodic[0], out_u[b])
        enforce_adjoint(ev, masks[1], 0, periodic[1], out_v[b])


@njit(**OPTIONS)
def subtract_gradient(u, v, phi, masks, periodic):
    """Subtracts differences of ``phi`` from the free faces, in place; outside ``phi`` is zero or periodic."""
    ny, nx = phi.shape[1:]
    for b in range(len(u)):
        for i in range(ny):
            for j in range(1, nx):
                u[b, i, j] -= masks[0][i, j] * (phi[b, i, j] - phi[b, i, j - 1])
            if periodic[0]:
                u[b, i, 0] -= masks[0][i, 0] * (phi[b, i, 0] - phi[b, i, nx - 1])
                u[b, i, nx] -= masks[0][i, nx] * (phi[b, i, 0] - phi[b, i, nx - 1])
            else:
                u[b, i, 0] -= masks[0][i, 0] * phi[b, i, 0]
                u[b, i, nx] += masks[0][i, nx] * phi[b, i, nx - 1]
        for j in range(nx):
            if periodic[1]:
                v[b, 0, j] -= masks[1][0, j] * (phi[b, 0, j] - phi[b, ny - 1, j])
                v[b, ny, j] -= masks[1][ny, j] * (phi[b, 0, j] - phi[b, ny - 1, j])
            else:
                v[b, 0, j] -= masks[1][0, j] * phi[b, 0, j]
                v[b, ny, j] += masks[1][ny, j] * phi[b, ny - 1, j]
        for i in range(1, ny):
            for j in range(nx):
                v[b, i, j] -= masks[1][i, j] * (phi[b, i, j] - phi[b, i - 1, j])


@njit(**OPTIONS)
def subtract_gradient_adjoint(g_u, g_v, masks, periodic, g_phi):
    """Writes, and does not add to, ``g_phi``."""
    ny, nx = g_phi.shape[1:]
    for b in range(len(g_u)):
        for i in range(ny):
            for j in range(nx):
                g_phi[b, i, j] = (
                    masks[0][i, j + 1] * g_u[b, i, j + 1]
                    - masks[0][i, j] * g_u[b, i, j]
                    + masks[1][i + 1, j] * g_v[b, i + 1, j]
                    - masks[1][i, j] * g_v[b, i, j]
                )
            if periodic[0]:
                g_phi[b, i, 0] -= masks[0][i, nx] * g_u[b, i, nx]
                g_phi[b, i, nx - 1] += masks[0][i, 0] * g_u[b, i, 0]
        if periodic[1]:
            for j in range(nx):
                g_phi[b, 0, j] -= masks[1][ny, j] * g_v[b, ny, j]
                g_phi[b, ny - 1, j] += masks[1][0, j] * g_v[b, 0, j]
