use pollster::block_on;
use seqlab::spec::{ModelSpec, property};
use seqlab::trainer::device::Devices;
use seqlab::trainer::session::{Drained, Session};
use std::time::Instant;
fn main() {
    let mut args = std::env::args().skip(1);
    let steps: usize = args.next().unwrap().parse().unwrap();
    let every: usize = args.next().unwrap().parse().unwrap();
    let paths: Vec<String> = args.next().unwrap().split(',').map(str::to_owned).collect();
    let mut spec = ModelSpec::default();
    for pair in args {
        let (key, value) = pair.split_once('=').unwrap();
        property(key).expect(key).write(&mut spec, value).unwrap();
    }
    let text = include_str!("../src/ui/built_in.txt");
    let mut session = block_on(Session::new(&spec, text, "hello", &mut Devices::default())).unwrap().0;
    let mut seconds = 0.0;
    for step in 1..=steps {
        let start = Instant::now();
        block_on(session.train_step()).unwrap();
        seconds += start.elapsed().as_secs_f64();
        let last = if step % 100 == 0 || step % every == 0 {
            match block_on(session.drain()).unwrap() {
                Drained::Good(rows) => rows.numbers[rows.numbers.len() - rows.width..][..4].to_vec(),
                Drained::Diverged(_, d) => {
                    println!("{d:?}");
                    return;
                }
            }
        } else {
            vec![]
        };
        if std::env::var_os("STOP").is_some() {
            if step % every == 0 {
                let loss = block_on(session.view("evaluation/loss")).unwrap().0[0];
                if loss < 0.015 {
                    println!("SOLVED {step} {seconds:.1}s");
                    return;
                }
                if step == steps {
                    println!("not {step} {seconds:.1}s {loss}");
                }
            }
            continue;
        }
        if step % every == 0 || step == 1 {
            print!("{step} {seconds:.1}s {last:.3?}");
            for path in &paths {
                let start = Instant::now();
                let (numbers, _) = match block_on(session.view(path)) {
                    Ok(x) => x,
                    Err(e) => {
                        print!(" {path}: {e}");
                        continue;
                    }
                };
                let ms = start.elapsed().as_secs_f64() * 1e3;
                if numbers.len() > 30 {
                    print!(
                        " {path}[{:.2e} {:.2e} {:.2e} {:.2e}, ratio {:.2e}] ({ms:.0}ms)",
                        numbers[0],
                        numbers[numbers.len() / 2],
                        numbers[numbers.len() - 2],
                        numbers[numbers.len() - 1],
                        numbers[numbers.len() - 1] / numbers[0]
                    );
                } else {
                    print!(" {} {numbers:.3?} ({ms:.0}ms)", path.rsplit('/').next().unwrap());
                }
            }
            println!();
        }
    }
}
