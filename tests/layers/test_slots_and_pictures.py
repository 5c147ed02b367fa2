"""Slot attention, position embedding, encoder, decoder and mixture: properties."""

import pytest
import torch

from rulebook.layers.decoders import BroadcastDecoder, mix
from rulebook.layers.encoders import CellEncoder
from rulebook.layers.perception import frame_error
from rulebook.layers.positions import PositionEmbedding, corner_grid
from rulebook.layers.slot_attention import SlotAttention
from rulebook.seeds import generator


def draw(*shape: int, name: str = "x") -> torch.Tensor:
    return torch.randn(*shape, generator=generator(0, name))


def test_slots_are_exchangeable():
    attention = SlotAttention(slots=4, dim=8, cell_dim=8, iterations=2)
    cells, slots = draw(2, 9, 8, name="cells"), draw(2, 4, 8, name="slots")
    order = torch.tensor([2, 0, 3, 1])
    refined, share = attention(cells, slots)
    permuted, permuted_share = attention(cells, slots[:, order])
    torch.testing.assert_close(permuted, refined[:, order])
    torch.testing.assert_close(permuted_share, share[:, order])


def test_slots_share_every_cell_and_read_a_mean_of_values():
    attention = SlotAttention(slots=3, dim=8, cell_dim=6)
    slots, cells = draw(2, 3, 8), draw(2, 9, 6, name="cells")
    offered = attention.offer(cells)
    read, share = attention.compete(slots, offered)
    # Algorithm 1 as it is printed: queries, keys and values; softmax over slots; a weighted mean over cells.
    query, key = attention.to_query(attention.norm_slots(slots)), attention.to_key(attention.norm_cells(cells))
    expected = (query @ key.transpose(1, 2) / 8**0.5).softmax(dim=1)
    torch.testing.assert_close(share, expected)
    torch.testing.assert_close(share.sum(dim=1), torch.ones(2, 9))
    weight = (expected + 1e-8) / (expected + 1e-8).sum(dim=2, keepdim=True)
    torch.testing.assert_close(read, weight @ attention.to_value(attention.norm_cells(cells)))


def test_start_depends_on_its_generator_alone():
    attention = SlotAttention(slots=3, dim=8, cell_dim=8)
    torch.manual_seed(1)
    one = attention.start(2, generator(5))
    torch.manual_seed(2)
    assert torch.equal(one, attention.start(2, generator(5)))
    assert not torch.equal(one, attention.start(2, generator(6)))


def test_corner_grid_measures_the_distance_to_the_four_edges():
    grid = corner_grid(3, 5)
    assert grid[0, 0].tolist() == [0, 0, 1, 1]
    assert grid[2, 4].tolist() == [1, 1, 0, 0]
    torch.testing.assert_close(grid[..., :2] + grid[..., 2:], torch.ones(3, 5, 2))


@pytest.mark.parametrize("frequencies", [0, 3])
def test_position_embedding_adds_its_table(frequencies):
    embedding = PositionEmbedding(4, 6, 5, frequencies)
    added = embedding(torch.zeros(2, 5, 4, 6))
    torch.testing.assert_close(added[1].permute(1, 2, 0), embedding.table())
    assert embedding.linear.in_features == 4 + 4 * frequencies


def test_encoder_tokens_follow_the_frame():
    encoder = CellEncoder((3, 8, 8), width=6, dim=5, kernels=(3, 3), stride=2)
    assert encoder(torch.rand(2, 3, 8, 8)).shape == (2, 16, 5)
    with pytest.raises(ValueError, match="cannot be halved evenly"):
        CellEncoder((3, 9, 8), width=6, dim=5, kernels=(3,), stride=2)


def test_a_pointwise_first_layer_is_the_convolution_that_it_replaces():
    decoder = BroadcastDecoder(6, (3, 8, 8), width=5, kernels=(1, 3, 3), shrink=2, hidden=7)
    slots = draw(2, 4, 6)
    rgb, logits = decoder(slots)
    broadcast = slots.flatten(0, 1)[:, :, None, None].expand(-1, -1, 4, 4)
    kernel = decoder.project.weight[:, :, None, None]
    first = torch.nn.functional.conv2d(broadcast, kernel, decoder.project.bias)
    painted = decoder.stack(first + decoder.position.table().permute(2, 0, 1)).unflatten(0, (2, 4))
    torch.testing.assert_close(rgb, painted[:, :, :3])
    torch.testing.assert_close(logits, painted[:, :, 3])


@pytest.mark.parametrize(("kernels", "shrink"), [((5, 5), 1), ((1, 3, 3), 2), ((3, 3), 4)])
def test_decoder_paints_frames_of_the_right_size(kernels, shrink):
    rgb, logits = BroadcastDecoder(6, (3, 8, 12), width=5, kernels=kernels, shrink=shrink)(draw(2, 4, 6))
    assert rgb.shape == (2, 4, 3, 8, 12) and logits.shape == (2, 4, 8, 12)


def test_decoder_refuses_what_it_cannot_draw():
    with pytest.raises(ValueError, match="cannot be drawn at 1/3"):
        BroadcastDecoder(6, (3, 8, 8), width=5, kernels=(3, 3), shrink=3)
    with pytest.raises(ValueError, match="odd size"):
        BroadcastDecoder(6, (3, 8, 8), width=5, kernels=(4, 3))


def test_mixture_weights_sum_to_one_and_the_order_of_slots_does_not_matter():
    rgb, logits = draw(2, 4, 3, 5, 5, name="rgb"), draw(2, 4, 5, 5, name="logits")
    frame, masks = mix(rgb, logits)
    order = torch.tensor([3, 1, 0, 2])
    torch.testing.assert_close(masks.sum(dim=1), torch.ones(2, 5, 5))
    torch.testing.assert_close(mix(rgb[:, order], logits[:, order])[0], frame)


def test_frame_error_sums_over_a_frame():
    assert frame_error(torch.ones(2, 3, 4, 5), torch.zeros(2, 3, 4, 5)).tolist() == [60.0, 60.0]
