//! Named datasets: CSV and .npy files to typed tensors.
