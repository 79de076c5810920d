//! Whether this processor has the instructions that the build of llama.cpp was compiled for.

/// Names what is missing; without this check the first matrix product would end in SIGILL.
#[cfg(target_arch = "x86_64")]
pub fn check() -> Result<(), String> {
    let present = [
        ("AVX2", std::arch::is_x86_feature_detected!("avx2")),
        ("FMA", std::arch::is_x86_feature_detected!("fma")),
        ("F16C", std::arch::is_x86_feature_detected!("f16c")),
        ("BMI2", std::arch::is_x86_feature_detected!("bmi2")),
    ];
    let missing: Vec<_> = present.iter().filter(|(_, there)| !there).map(|(name, _)| *name).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!(
        "this processor lacks {}, which this build of hob needs to run models; search works without",
        missing.join(", ")
    ))
}

/// Other architectures are compiled for their baseline.
#[cfg(not(target_arch = "x86_64"))]
pub fn check() -> Result<(), String> {
    Ok(())
}
