"""The numbers of metrics.json that rules and prose read: name -> (unit, meaning). Evaluation writes them so.

Errors are sums of squares over pixels and channels per frame, averaged over clips (the convention of Table 1 of VIM);
the thesis's (``mse``) are averaged over channels besides. Position errors are in pixels, KL terms in nats per frame.
All are taken on test clips. 'Posterior': the model sees the frames; 'predicted': it goes on alone.
"""

from __future__ import annotations

METRICS: dict[str, tuple[str, str]] = {
    # Random walk: slots and slot attention
    "error": ("squared error per frame", "of the reconstructed or predicted frame"),
    "foreground_ari": ("1", "adjusted Rand index of slot masks against object masks, background left out"),
    "separate_slots": ("share of frames", "frames without overlap in which every ball sits in its own slot"),
    # VIM on the atomic walk
    "rule_accuracy_interior": ("share of ball-steps", "slot picks the module matched to the true move, all moves free"),
    "rule_accuracy_all": ("share of ball-steps", "the same over all steps, border included"),
    "repeat_accuracy": ("share of repetitions", "one module, repeated, moves a ball in its one direction"),
    "least_used_share": ("share of ball-steps", "on the least used module"),
    "three_least_used_share": ("share of ball-steps", "on the three least used modules together"),
    "whole_moves_share": ("share of ball-steps", "steps explained by giving each module two whole moves"),
    "error_5_frames": ("squared error per frame", "posterior (SCOFF, RIM: next-frame prediction), mean over 5 frames"),
    "error_10_frames": ("squared error per frame", "posterior reconstruction, mean over 10 frames"),
    "module_kl": ("nats per frame", "of the module choices"),
    "gaussian_kl": ("nats per frame", "of the Gaussian updates"),
    "negative_elbo": ("nats per frame", "error / 2 plus both KL terms"),
    "rules_found": ("0 or 1", "interior rule accuracy of at least 0.95, modules searched by drawing them"),
    "sampled_moves_tv": ("total variation", "between the sampled and the true distribution of moves"),
    "sample_sharpness": ("ratio", "high-frequency energy of single samples over that of true frames"),
    # VIM tested on compositions of up to five moves
    "composition_error_first": ("pixels", "position error after the first iteration"),
    "composition_error_best_in_parity": (
        "pixels",
        "position error after the best even iteration (targets an even number of moves away) or odd one (others)",
    ),
    "composition_oscillation": ("pixels", "mean change of a ball's position error between the last iterations"),
    "error_plus_kl": ("error + nats per frame", "error plus both KL terms, over 10 frames"),
    "composition_tracking_1": ("pixels", "position error over the frames of a clip, 1 iteration"),
    "composition_tracking_2": ("pixels", "position error over the frames of a clip, 2 iterations"),
    "composition_tracking_8": ("pixels", "position error over the frames of a clip, 8 iterations"),
    "composition_tracking_halting": ("pixels", "the same, every slot keeps the iteration that draws the frame best"),
    "tracking_error": ("pixels", "position error over the frames of a clip of the model's own world"),
    "atomic_rule_accuracy_interior": ("share of ball-steps", "interior rule accuracy on atomic clips never seen"),
    "transfer_accuracy": ("share of steps", "a known ball makes the move of an unseen object"),
    # Rivals on the random walk
    "error_over_floor": ("ratio", "next-frame error over the exact deterministic floor"),
    "mean_frame_correlation": ("correlation", "of the prediction with the mean of all futures"),
    "foreground_ari_attention": (
        "1",
        "of attention over the given frame against object masks, in cells of the encoder",
    ),
    "error_over_random_floor": ("ratio", "error on a deterministic walk over the floor if its balls moved at random"),
    # Thesis: Moving MNIST and Moving Sprites, 10 frames given, 10 predicted
    "mse": ("squared error per frame and channel", "predicted frames 10 to 19"),
    "mse_copy_last": ("squared error per frame and channel", "of the last given frame, taken for frames 10 to 19"),
    "mse_tracker": ("squared error per frame and channel", "of a tracker that knows looks and laws"),
    "ssim": ("1", "structural similarity of predicted frames 10 to 19"),
    "f1": ("1", "foreground F1 of predicted frames 10 to 19"),
    "single_object_share": ("share of cell-steps", "mask x content lies to 0.8 or more in one object"),
    "completion_ratio": ("ratio", "error on hidden pixels of a cell's own picture over that of leaving them black"),
    "mcl": ("share of the sequence", "maximum consistent length"),
    "completion_ratio_untrained": ("ratio", "the same before the first step of training"),
    "mcl_untrained": ("share of the sequence", "maximum consistent length before the first step of training"),
    "acl": ("share of the sequence", "average consistent length"),
    "duplicates_share": ("share of cells", "that track an object beyond the first cell on it, under masks"),
    "mse_dense_test": ("squared error per frame and channel", "tested with all cells active"),
    "activation_change_share": ("share of steps", "steps after the second on which the set of active cells changes"),
    "active_utilisation": ("share", "utilisation that falls on the activated cells"),
    "mse_no_communication": ("squared error per frame and channel", "communication switched off at test time"),
    "mse_cells_off": ("squared error per frame and channel", "two cells switched off at test time"),
    "f1_cells_off": ("1", "foreground F1 with two cells switched off at test time"),
    "loss_jump": ("0 or 1", "the training loss jumped up and stayed there"),
    "training_loss": ("squared error per frame", "mean training loss over the last twentieth of the steps"),
}
