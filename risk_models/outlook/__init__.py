"""预测 outlook: climatology to expected exceedances."""
