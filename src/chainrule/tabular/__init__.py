"""Networks on tables: from a file to a trained, evaluated and saved model."""
