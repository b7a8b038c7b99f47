//! Measures the number of requests that are decided per second.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use lockstep_access_bench::questions;

fn decide(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decide");
    group.throughput(Throughput::Elements(1));
    for question in questions() {
        assert_eq!((question.lockstep(), question.cedar()), (question.allowed, question.allowed));
        group.bench_function(BenchmarkId::new("lockstep", question.name), |bencher| {
            bencher.iter(|| question.lockstep());
        });
        group.bench_function(BenchmarkId::new("cedar", question.name), |bencher| {
            bencher.iter(|| question.cedar())
        });
    }
    group.finish();
}

criterion_group!(benches, decide);
criterion_main!(benches);
