//! Access tokens: what a request carries, what issuers say, and the judgement made of both. Bytes and the time (seconds
//! since 1970) in, values out.
//!
//! Whether a route lets a judged token through is the policy's business; asking Token Servers, fetching keys and
//! remembering judgements is left to whoever can make calls. Nothing that a peer sent is ever followed: no key, address
//! or algorithm is taken from a token.
//!
//! - [`verdict`]: what a token turned out to be, or why it is none
//! - [`bearer`]: the credentials of a request
//! - [`algorithm`]: what may sign
//! - [`compact_jws`]: a signed token, split
//! - [`public_key`]: one key
//! - [`key_set`]: an issuer's keys
//! - [`signature`]: verifying with *ring*
//! - [`claim_set`]: claims, one by one
//! - [`claims`]: JSON Web Tokens
//! - [`introspection`]: asking the Token Server
//! - [`client_assertion`]: saying there who asks
//! - [`mobilefirst`]: the pair of tokens of MobileFirst Platform
//! - [`proof_of_possession`]: DPoP proofs
//! - [`proof_target`]: where a proof is for
//! - [`revocation`]: the token that a form is about
//! - [`challenge`]: what is answered to who has no good token
//! - [`token_signer`]: the other side: signing access tokens

pub mod algorithm;
pub mod bearer;
pub mod challenge;
pub mod claim_set;
pub mod claims;
pub mod client_assertion;
pub mod compact_jws;
#[cfg(test)]
pub(crate) mod fixture;
pub mod introspection;
pub mod key_set;
pub mod mobilefirst;
pub mod proof_of_possession;
pub mod proof_target;
pub mod public_key;
pub mod revocation;
pub mod signature;
pub mod token_signer;
pub mod verdict;
