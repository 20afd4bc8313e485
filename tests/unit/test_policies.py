from gradtui.policies import POLICIES


def test_the_source_that_is_shown_is_the_code_that_runs() -> None:
    assert POLICIES["every_step"].source() == [
        "optimizer.zero_grad()",
        "loss = loss_fn(model(inputs), targets)",
        "loss.backward()",
        "optimizer.step()",
        "return loss",
    ]
    assert not any("zero_grad" in line for line in POLICIES["never"].source())


def test_variants_are_named_apart() -> None:
    assert len({policy.variant for policy in POLICIES.values()}) == len(POLICIES)
