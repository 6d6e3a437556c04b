//! What nodes and DBUs cost: AWS's price list, a few types at a time, and `system.billing.list_prices`.

use crate::services::databricks::statements::{StatementError, Statements};
use plumb_core::cost::fetch::{FetchedNode, ec2_query, emr_query, hourly, list_prices, sku_prices};
use plumb_core::kinds::prices::SkuPrices;
use plumb_model::call::{Call, Service, ServiceError};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::task::JoinSet;

/// How many types are asked about at a time.
const WIDTH: usize = 4;
/// No question has more pages: it names one type in one region.
const MOST_PAGES: usize = 20;

/// What the types cost an hour. What AWS does not list is said of the type; an error is of the service.
///
/// # Errors
/// The first question that was not answered.
pub async fn node_prices(
    service: &Arc<dyn Service>,
    types: &BTreeSet<String>,
    region: &str,
) -> Result<Vec<FetchedNode>, ServiceError> {
    let (mut waiting, mut going, mut done) = (types.iter().cloned(), JoinSet::new(), Vec::new());
    loop {
        while going.len() < WIDTH
            && let Some(node_type) = waiting.next()
        {
            let (service, region) = (service.clone(), region.to_owned());
            going.spawn(async move {
                let ec2 = hourly(&products(&*service, ec2_query(&node_type, &region)).await?);
                let emr = hourly(&products(&*service, emr_query(&node_type, &region)).await?);
                Ok::<_, ServiceError>(FetchedNode { node_type, ec2, emr })
            });
        }
        let Some(joined) = going.join_next().await else { break };
        // A task that panicked is a mistake of plumb, and has been reported as one.
        let Ok(found) = joined else { continue };
        done.push(found?);
    }
    done.sort_by(|a, b| a.node_type.cmp(&b.node_type));
    Ok(done)
}

/// The products of all pages.
async fn products(service: &dyn Service, mut call: Call) -> Result<Vec<Value>, ServiceError> {
    let mut all = Vec::new();
    for _ in 0..MOST_PAGES {
        let answer = service.send(&call).await?.body;
        match &answer["PriceList"] {
            Value::Array(products) => all.extend(products.iter().cloned()),
            _ => return Err(crate::services::odd_answer(&call, 200, "`PriceList` is no list")),
        }
        let Some(next) = answer["NextToken"].as_str().filter(|token| !token.is_empty()) else { return Ok(all) };
        if let Some(Value::Object(body)) = &mut call.body {
            body.insert("NextToken".to_owned(), next.into());
        }
    }
    Err(crate::services::odd_answer(&call, 200, "its pages do not end"))
}

/// What a DBU costs by the list, of a plan, and what is left for people to say.
///
/// # Errors
/// Why it was not read.
pub async fn dbu_prices(statements: &Statements, plan: &str) -> Result<(SkuPrices, Vec<String>), StatementError> {
    let answer = statements.run(&list_prices()).await?;
    Ok(sku_prices(&answer.rows, plan))
}
