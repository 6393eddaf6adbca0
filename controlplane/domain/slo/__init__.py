"""Service level objectives: pure mathematics over samples. Every rule is stated in docs/slo.md."""
