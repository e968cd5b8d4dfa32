//! Every published example: the sandbox answers it to the letter, and the client reads it.

use std::collections::BTreeMap;

use providers::amazon::{
    CreateReport, Error, FeesEstimateRequest, GetOrders, GetReports, GetShipmentItems, GetShipments,
    ListFinancialEvents, ListTransactions, ProcessingStatus, QueryType, Region, Session, Timestamp,
};
use sandbox::amazon::{Example, examples};
use serde_json::Value;
use shared_events::money::{Currency, Money};

use super::bed::Bed;

fn text<'a>(example: &'a Example, name: &str) -> Option<&'a str> {
    example.parameters.get(name).and_then(Value::as_str)
}

fn texts(value: Option<&Value>) -> Vec<String> {
    value.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

fn at(example: &Example, name: &str) -> Option<chrono::DateTime<chrono::Utc>> {
    text(example, name).map(|text| Timestamp::from(text).instant().expect("a time"))
}

/// Asks by our client, and gives what it read in words.
async fn ask(session: &Session, example: &Example) -> Result<String, Error> {
    let body = example.parameters.get("body").cloned().unwrap_or_default();
    Ok(match example.operation.as_str() {
        "createReport" => {
            let mut wish = CreateReport::new(body["reportType"].as_str().unwrap(), texts(body.get("marketplaceIds")));
            wish.data_start_time = body["dataStartTime"].as_str().map(Timestamp::from);
            session.create_report(&wish).await?
        }
        "getReport" => {
            let report = session.get_report(text(example, "reportId").unwrap()).await?;
            assert_eq!(report.processing_status, ProcessingStatus::InProgress);
            report.report_id
        }
        "getReports" => {
            let statuses = texts(example.parameters.get("processingStatuses"));
            let query = GetReports {
                report_types: texts(example.parameters.get("reportTypes")),
                processing_statuses: statuses.iter().map(|status| status.as_str().into()).collect(),
                ..GetReports::default()
            };
            let page = session.get_reports(&query).await?;
            format!("{} {}", page.reports.len(), page.next_token.unwrap().len())
        }
        "getReportDocument" => {
            session.get_report_document(text(example, "reportDocumentId").unwrap()).await?.report_document_id
        }
        "listFinancialEvents" => {
            let query = ListFinancialEvents {
                max_results_per_page: example.parameters["MaxResultsPerPage"].as_u64().map(|size| size as u32),
                next_token: text(example, "NextToken").map(str::to_owned),
                ..ListFinancialEvents::default()
            };
            let page = session.list_financial_events(&query).await?;
            let events = page.financial_events;
            let rental = events.rental_transaction_event_list[0].rental_initial_value.clone().unwrap();
            assert_eq!(rental.money().unwrap(), Some(Money::new(2_537, Currency::USD)));
            assert_eq!(events.product_ads_payment_event_list[0].invoice_id.as_deref(), Some("3454535453"));
            let taxes = &events.rental_transaction_event_list[0].rental_tax_withheld_list[0].taxes_withheld;
            format!("{} {}", events.pay_with_amazon_event_list.len(), taxes.len())
        }
        "listTransactions" => {
            let query = ListTransactions {
                posted_after: at(example, "postedAfter"),
                posted_before: at(example, "postedBefore"),
                next_token: text(example, "nextToken").map(str::to_owned),
                ..ListTransactions::default()
            };
            let page = session.list_transactions(&query).await?;
            let transaction = &page.transactions[0];
            let total = transaction.total_amount.as_ref().unwrap().money().unwrap().unwrap();
            format!("{total} {}", transaction.related_identifiers[1].related_identifier_value.as_deref().unwrap())
        }
        "getShipments" => {
            let query = GetShipments {
                query_type: QueryType::from(text(example, "QueryType").unwrap()),
                marketplace_id: text(example, "MarketplaceId").unwrap().to_owned(),
                shipment_statuses: vec![],
                shipment_ids: vec![],
                last_updated_after: None,
                last_updated_before: None,
                next_token: None,
            };
            let page = session.get_shipments(&query).await?;
            let shipment = &page.shipment_data[0];
            format!("{} {}", shipment.shipment_id.as_deref().unwrap(), shipment.shipment_status.as_ref().unwrap())
        }
        "getShipmentItems" => {
            let query = GetShipmentItems {
                query_type: QueryType::from(text(example, "QueryType").unwrap()),
                marketplace_id: text(example, "MarketplaceId").unwrap().to_owned(),
                last_updated_after: None,
                last_updated_before: None,
                next_token: text(example, "NextToken").map(str::to_owned),
            };
            let page = session.get_shipment_items(&query).await?;
            let item = &page.item_data[0];
            format!(
                "{} {:?} {:?} {}",
                item.seller_sku.as_deref().unwrap(),
                item.quantity_shipped,
                item.release_date.as_ref().and_then(Timestamp::instant).map(|at| at.date_naive()),
                item.prep_details_list.len()
            )
        }
        "getOrders" => {
            let query = GetOrders {
                marketplace_ids: match texts(example.parameters.get("MarketplaceIds")) {
                    none if none.is_empty() => vec!["ATVPDKIKX0DER".to_owned()],
                    some => some,
                },
                created_after: text(example, "CreatedAfter").map(str::to_owned),
                next_token: text(example, "NextToken").map(str::to_owned),
                ..GetOrders::default()
            };
            let page = session.get_orders(&query).await?;
            format!("{} {:?}", page.orders.len(), page.next_token.map(|token| token.len()))
        }
        "getOrder" => {
            let order = session.get_order(text(example, "orderId").unwrap()).await?;
            let total = order.order_total.unwrap().money().unwrap().unwrap();
            format!("{} {total} {:?}", order.amazon_order_id.unwrap(), order.is_iba)
        }
        "getMyFeesEstimateForSKU" => {
            let wish = &body["FeesEstimateRequest"];
            let usd = |value: &Value| value.as_i64().map(|units| Money::new(units * 100, Currency::USD));
            let price = &wish["PriceToEstimateFees"];
            let request = FeesEstimateRequest {
                marketplace_id: wish["MarketplaceId"].as_str().unwrap().to_owned(),
                is_amazon_fulfilled: wish["IsAmazonFulfilled"].as_bool(),
                listing_price: usd(&price["ListingPrice"]["Amount"]),
                shipping: usd(&price["Shipping"]["Amount"]),
                points: price["Points"]["PointsNumber"].as_i64().map(|points| (points, Money::new(0, Currency::USD))),
                identifier: wish["Identifier"].as_str().map(str::to_owned),
            };
            let result = session.get_my_fees_estimate_for_sku("Any/SKU 1", &request).await?;
            format!("{}", result.fees_estimate.unwrap().total_fees_estimate.unwrap().money().unwrap().unwrap())
        }
        "getMarketplaceParticipations" => {
            let all = session.get_marketplace_participations().await?;
            format!("{} {} {}", all.len(), all[0].marketplace.id, all[0].store_name)
        }
        other => panic!("{other} has no call here"),
    })
}

#[tokio::test]
async fn every_published_example_is_answered_and_read() {
    let bed = Bed::new().await;
    let session = bed.session(Region::Na);
    let mut read = BTreeMap::<&str, Vec<String>>::new();
    for example in examples() {
        let outcome = ask(&session, example).await;
        let name = format!("{} {}", example.operation, example.status);
        let words = match outcome {
            Ok(words) => {
                assert!(example.status < 300, "{name}: {words}");
                words
            }
            Err(Error::Refused(refusal)) => {
                assert_eq!(refusal.status, example.status, "{name}");
                assert!(refusal.request_id.is_some(), "{name}");
                let published: Value = serde_json::from_str(example.response.get()).unwrap();
                let error = &published["errors"][0];
                assert_eq!(refusal.errors[0].code, error["code"], "{name}");
                assert_eq!(refusal.errors[0].message, error["message"], "{name}");
                assert_eq!(refusal.errors[0].details.as_deref(), error["details"].as_str(), "{name}");
                "refused".to_owned()
            }
            Err(error) => panic!("{name}: {error}"),
        };
        read.entry(&example.operation).or_default().push(words);
    }
    let read: Vec<String> = read.into_iter().map(|(name, words)| format!("{name}: {}", words.join(" | "))).collect();
    assert_eq!(
        read,
        [
            "createReport: ID323 | refused",
            "getMarketplaceParticipations: 1 ATVPDKIKX0DER BestSellerStore",
            "getMyFeesEstimateForSKU: 3.00 USD | refused",
            "getOrder: 902-1845936-5435065 11.01 USD Some(false) | 921-3175655-0452641 100.00 EUR Some(true) | refused",
            "getOrders: 2 None | 1 Some(30) | 1 None | refused",
            "getReport: ReportId1 | refused",
            "getReportDocument: 0356cf79-b8b0-4226-b4b9-0ee058ea5760 | refused",
            "getReports: 1 68 | refused",
            "getShipmentItems: CR-47K6-H6QN Some(4) Some(2013-05-29) 2 | CR-47K6-H6QN Some(4) Some(2013-05-29) 2 | refused",
            "getShipments: FBA15DJ9S3J5 SHIPPED | refused",
            "listFinancialEvents: 1 1 | refused",
            "listTransactions: 10.00 USD 8129762527551 | refused",
        ]
    );
}

#[tokio::test]
async fn the_sandbox_repeats_the_published_answers_to_the_letter() {
    let bed = Bed::new().await;
    let form =
        [("grant_type", "refresh_token"), ("refresh_token", "Atzr|x"), ("client_id", "c"), ("client_secret", "s")];
    let body = form.map(|(name, value)| format!("{name}={value}")).join("&");
    let login = bed.http.post(format!("{}/auth/o2/token", bed.base)).body(body).send().await.unwrap();
    let login: Value = login.json().await.unwrap();
    for example in examples() {
        let (mut path, mut query) = (example.path.clone(), vec![]);
        for (name, value) in example.parameters.iter().filter(|(name, _)| *name != "body") {
            let value = match value {
                Value::Array(_) => texts(Some(value)).join(","),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let place = format!("{{{name}}}");
            if path.contains(&place) {
                path = path.replace(&place, &value);
            } else {
                query.push((name, value));
            }
        }
        let path = path.replace("{SellerSKU}", "ANY-SKU");
        let address = reqwest::Url::parse_with_params(&format!("{}{path}", bed.base), query).unwrap();
        let request = bed.http.request(example.method.parse().unwrap(), address);
        let request = request.header("x-amz-access-token", login["access_token"].as_str().unwrap());
        let request = match example.parameters.get("body") {
            Some(body) => request.json(body),
            None => request,
        };
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), example.status, "{path}");
        assert!(response.headers().contains_key("x-amzn-requestid"));
        assert_eq!(response.text().await.unwrap(), example.response.get(), "{path}");
    }
    assert_eq!(examples().len(), 27);
}
