def test_a_run_lives(mock_world):
    """A run waits, works and completes as the clock is advanced."""
    run_id = mock_world.create("quick-success")
    assert mock_world.run(run_id)["status"] == "pending"
    mock_world.advance(1.5)
    assert mock_world.run(run_id)["status"] == "running"
    mock_world.advance(10)
    assert mock_world.run(run_id)["status"] == "completed"
