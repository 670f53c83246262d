//! Newton's method for logistic regression with a ridge penalty.

use privity_guest::GiveUp;

/// A step whose largest change is below this is the last.
const CLOSE: f64 = 1e-10;

/// Standardised features, row after row with a 1 first, and targets.
pub(crate) struct Design {
    /// Weights: one more than features.
    width: usize,
    rows: Vec<f64>,
    targets: Vec<f64>,
    means: Vec<f64>,
    deviations: Vec<f64>,
}

/// What a fit came to.
pub(crate) struct Fit {
    /// For standardised features, the intercept first.
    pub(crate) weights: Vec<f64>,
    pub(crate) iterations: usize,
}

impl Design {
    /// From columns. A column that does not vary gets the weight 0.
    pub(crate) fn standardised(columns: &[Vec<f64>], targets: Vec<f64>) -> Result<Design, GiveUp> {
        if targets.iter().any(|t| *t != 0.0 && *t != 1.0) {
            return Err(GiveUp::new("a target is neither 0 nor 1"));
        }
        if columns.iter().flatten().any(|value| !value.is_finite()) {
            return Err(GiveUp::new("a feature is not finite"));
        }
        let n = targets.len() as f64;
        let means: Vec<f64> = columns.iter().map(|c| c.iter().sum::<f64>() / n).collect();
        let deviations = columns.iter().zip(&means).map(|(column, mean)| {
            let deviation = libm::sqrt(column.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n);
            if deviation > 0.0 { deviation } else { f64::INFINITY }
        });
        let deviations: Vec<f64> = deviations.collect();
        let width = columns.len() + 1;
        let mut rows = Vec::with_capacity(targets.len() * width);
        for row in 0..targets.len() {
            rows.push(1.0);
            let values = columns.iter().zip(&means).zip(&deviations);
            rows.extend(values.map(|((column, mean), deviation)| (column[row] - mean) / deviation));
        }
        Ok(Design { width, rows, targets, means, deviations })
    }

    pub(crate) fn rows(&self) -> usize {
        self.targets.len()
    }

    /// The weights that make `loss + ridge/2 · |weights|²` least, the intercept unpenalised.
    pub(crate) fn fit(&self, ridge: f64, most: usize) -> Result<Fit, GiveUp> {
        let mut weights = vec![0.0; self.width];
        for iteration in 1..=most {
            let (mut gradient, mut hessian) = self.derivatives(&weights);
            for i in 1..self.width {
                gradient[i] += ridge * weights[i];
                hessian[i * self.width + i] += ridge;
            }
            let step = solve(&mut hessian, gradient, self.width)?;
            weights.iter_mut().zip(&step).for_each(|(weight, change)| *weight -= change);
            if step.iter().all(|change| change.abs() < CLOSE) {
                return Ok(Fit { weights, iterations: iteration });
            }
        }
        Ok(Fit { weights, iterations: most })
    }

    /// The loss's gradient and Hessian (its lower triangle).
    fn derivatives(&self, weights: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let width = self.width;
        let (mut gradient, mut hessian) = (vec![0.0; width], vec![0.0; width * width]);
        for (row, target) in self.rows.chunks_exact(width).zip(&self.targets) {
            let p = sigmoid(dot(row, weights));
            let (error, curvature) = (p - target, p * (1.0 - p));
            for (i, x) in row.iter().enumerate() {
                gradient[i] += error * x;
                let scaled = curvature * x;
                let line = &mut hessian[i * width..=i * width + i];
                line.iter_mut().zip(row).for_each(|(h, y)| *h += scaled * y);
            }
        }
        (gradient, hessian)
    }

    /// The mean loss, and the part of rows that are told right.
    pub(crate) fn score(&self, weights: &[f64]) -> (f64, f64) {
        let (mut loss, mut right) = (0.0, 0usize);
        for (row, target) in self.rows.chunks_exact(self.width).zip(&self.targets) {
            let z = dot(row, weights);
            // log(1 + e^z) - t·z, without overflow.
            loss += z.max(0.0) + libm::log1p(libm::exp(-z.abs())) - target * z;
            right += usize::from((z > 0.0) == (*target == 1.0));
        }
        let n = self.targets.len() as f64;
        (loss / n, right as f64 / n)
    }

    /// Weights for features as they were given.
    pub(crate) fn given(&self, weights: &[f64]) -> Vec<f64> {
        let scaled = weights[1..].iter().zip(&self.deviations).map(|(weight, deviation)| weight / deviation);
        let mut given: Vec<f64> = std::iter::once(weights[0]).chain(scaled).collect();
        given[0] -= dot(&given[1..], &self.means);
        given
    }
}

fn sigmoid(z: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-z))
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

/// Solves `matrix · x = right` by Cholesky's decomposition of the lower triangle, in place.
fn solve(matrix: &mut [f64], mut right: Vec<f64>, n: usize) -> Result<Vec<f64>, GiveUp> {
    for i in 0..n {
        for j in 0..=i {
            let known = dot(&matrix[i * n..i * n + j], &matrix[j * n..j * n + j]);
            let rest = matrix[i * n + j] - known;
            if i == j && (rest.is_nan() || rest <= 0.0) {
                return Err(GiveUp::new("the features do not determine the weights"));
            }
            matrix[i * n + j] = if i == j { libm::sqrt(rest) } else { rest / matrix[j * n + j] };
        }
        right[i] = (right[i] - dot(&matrix[i * n..i * n + i], &right[..i])) / matrix[i * n + i];
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| matrix[k * n + i] * right[k]).sum();
        right[i] = (right[i] - known) / matrix[i * n + i];
    }
    Ok(right)
}
