//! Hands the command line to [`ringwall::cli`] and its answer to the shell.

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    ringwall::cli::main()
}
